//! `taskpilot scheduler`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use taskpilot_domain::limits::{LEASE_MS_MAX, LEASE_MS_MIN};
use taskpilot_scheduler::{App, Config};
use taskpilot_server::clock::SystemClock;
use taskpilot_server::shutdown::Shutdown;
use taskpilot_store::scheduler::SchedulerStore;
use taskpilot_store_sqlite::SqliteSchedulerStore;

use super::service::{Parts, Service, address, bind};
use super::{block_on, drain_time, retention};
use crate::arguments::{LeaseArgs, RetentionArgs, SchedulerArgs};
use crate::config::{File, SCHEDULER_ADDRESS};
use crate::exit::{Code, Failure};
use crate::signals;

pub(crate) fn run(arguments: &SchedulerArgs, file: &File) -> Result<Code, Failure> {
    let setup = Setup {
        data: super::up::data_directory(&arguments.data, file)?,
        address: address(
            arguments.listen.as_deref(),
            file.listen.as_deref(),
            SCHEDULER_ADDRESS,
        )?,
        config: config(&arguments.lease, &arguments.retention, file)?,
    };
    let shutdown = Shutdown::new(drain_time(&arguments.drain, file));
    block_on(async move {
        let asked = signals::shutdown_token().map_err(anyhow::Error::from)?;
        start(&setup, shutdown).await?.run(asked).await
    })
}

/// What a scheduler is started with.
pub(super) struct Setup {
    pub(super) data: PathBuf,
    pub(super) address: SocketAddr,
    pub(super) config: Config,
}

/// Opens the store, binds the address and starts the loops.
pub(super) async fn start(setup: &Setup, shutdown: Shutdown) -> Result<Service, Failure> {
    let store = Arc::new(open(&setup.data)?);
    let listener = bind(setup.address).await?;
    let latest = store.latest_instant().await.map_err(anyhow::Error::from)?;
    let clock = latest.map_or_else(SystemClock::new, SystemClock::not_before);
    let app = App::new(
        store.clone(),
        Arc::new(clock),
        shutdown.clone(),
        setup.config,
    );
    let loops = app.start();
    Ok(Service::start(Parts {
        name: "scheduler",
        listener,
        router: taskpilot_scheduler::router(app),
        shutdown,
        loops,
        close: Box::new(move || store.close()),
    }))
}

fn open(data: &Path) -> Result<SqliteSchedulerStore, Failure> {
    SqliteSchedulerStore::open(data).map_err(super::up::open_failure)
}

/// Lease and history that were asked for, within their limits.
pub(super) fn config(
    lease_args: &LeaseArgs,
    retention_args: &RetentionArgs,
    file: &File,
) -> Result<Config, Failure> {
    Ok(Config {
        retention: retention(retention_args, file)?,
        ..lease(lease_args, file)?
    })
}

/// The lease that was asked for, within its limits.
fn lease(arguments: &LeaseArgs, file: &File) -> Result<Config, Failure> {
    match arguments.lease_ms.or(file.lease_ms) {
        None => Ok(Config::default()),
        Some(ms) if (LEASE_MS_MIN..=LEASE_MS_MAX).contains(&ms) => Ok(Config::with_lease_ms(ms)),
        Some(ms) => {
            let range = format!("from {LEASE_MS_MIN} to {LEASE_MS_MAX}");
            Err(Failure::Usage(format!(
                "a lease of {ms} ms is not possible: {range}"
            )))
        }
    }
}
