//! `taskpilot control`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use taskpilot_control::{App, Config};
use taskpilot_server::clock::SystemClock;
use taskpilot_server::shutdown::Shutdown;
use taskpilot_store_sqlite::SqliteControlStore;

use super::service::{Parts, Service, address, bind};
use super::{block_on, drain_time};
use crate::arguments::{ControlArgs, SchedulerUrlArgs};
use crate::config::{CONTROL_ADDRESS, File, SCHEDULER_ADDRESS};
use crate::exit::{Code, Failure};
use crate::signals;

pub(crate) fn run(arguments: &ControlArgs, file: &File) -> Result<Code, Failure> {
    let setup = Setup {
        data: super::up::data_directory(&arguments.data, file)?,
        address: address(
            arguments.listen.as_deref(),
            file.listen.as_deref(),
            CONTROL_ADDRESS,
        )?,
        scheduler_url: scheduler_url(&arguments.scheduler, file),
    };
    let shutdown = Shutdown::new(drain_time(&arguments.drain, file));
    block_on(async move {
        let asked = signals::shutdown_token().map_err(anyhow::Error::from)?;
        start(&setup, shutdown).await?.run(asked).await
    })
}

/// What a control plane is started with.
pub(super) struct Setup {
    pub(super) data: PathBuf,
    pub(super) address: SocketAddr,
    pub(super) scheduler_url: String,
}

/// Opens the store, binds the address and starts the loops. The scheduler need not be there.
pub(super) async fn start(setup: &Setup, shutdown: Shutdown) -> Result<Service, Failure> {
    let config =
        Config::new(&setup.scheduler_url).map_err(|error| Failure::Usage(error.to_string()))?;
    let store = SqliteControlStore::open(&setup.data).map_err(super::up::open_failure)?;
    let store = Arc::new(store);
    let listener = bind(setup.address).await?;
    let clock = Arc::new(SystemClock::new());
    let app = App::new(store.clone(), clock, shutdown.clone(), config);
    let loops = app.start();
    Ok(Service::start(Parts {
        name: "control",
        listener,
        router: taskpilot_control::router(app),
        shutdown,
        loops,
        close: Box::new(move || store.close()),
    }))
}

/// The address of the scheduler that was given, or where one listens by default.
pub(super) fn scheduler_url(arguments: &SchedulerUrlArgs, file: &File) -> String {
    let given = arguments
        .scheduler_url
        .clone()
        .or_else(|| file.scheduler_url.clone());
    let url = given.unwrap_or_else(|| format!("http://{SCHEDULER_ADDRESS}"));
    url.trim_end_matches('/').to_owned()
}
