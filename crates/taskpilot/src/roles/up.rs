//! `taskpilot up`: the in-process assembly. The control plane and the worker reach the scheduler
//! over HTTP here too: one code path.

use std::path::PathBuf;
use std::time::Duration;

use taskpilot_server::shutdown::Shutdown;
use taskpilot_store_sqlite::OpenError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::service::address;
use super::worker::Working;
use super::{announce, block_on, control, drain_time, scheduler, worker};
use crate::arguments::{DataArgs, UpArgs};
use crate::config::{CONTROL_ADDRESS, File, SCHEDULER_ADDRESS, default_data};
use crate::exit::{Code, Failure};
use crate::signals;

pub(crate) fn run(arguments: &UpArgs, file: &File) -> Result<Code, Failure> {
    let data = data_directory(&arguments.data, file)?;
    let drain = drain_time(&arguments.drain, file);
    let scheduler_setup = scheduler::Setup {
        data: data.clone(),
        address: address(
            arguments.scheduler.as_deref(),
            file.scheduler.as_deref(),
            SCHEDULER_ADDRESS,
        )?,
        config: scheduler::config(&arguments.lease, &arguments.retention, file)?,
    };
    let control_address = address(
        arguments.control.as_deref(),
        file.control.as_deref(),
        CONTROL_ADDRESS,
    )?;
    let work = worker::Work::read(&arguments.work, file)?;
    block_on(async move {
        let signals::Asked { end: asked, haste } = signals::asked().map_err(anyhow::Error::from)?;
        let scheduler = scheduler::start(&scheduler_setup, Shutdown::new(drain)).await?;
        let control_setup = control::Setup {
            data: data.clone(),
            address: control_address,
            scheduler_url: scheduler.url().to_owned(),
        };
        let control = match control::start(&control_setup, Shutdown::new(drain)).await {
            Ok(control) => control,
            Err(failure) => {
                scheduler.stop().await;
                return Err(failure);
            }
        };
        let stop_work = CancellationToken::new();
        let worker = match work.start(
            scheduler.url(),
            &data.join("worker"),
            drain.saturating_sub(services_share(drain)),
        ) {
            Ok(worker) => worker,
            Err(failure) => {
                control.stop().await;
                scheduler.stop().await;
                return Err(failure);
            }
        };
        let working = Working::start(worker.hastened_by(haste), stop_work.clone());
        announce(&[control.listens(), scheduler.listens()]);
        let unasked = tokio::select! {
            () = asked.cancelled() => None,
            () = working.gone() => None,
            failure = control.unasked() => Some(failure),
            failure = scheduler.unasked() => Some(failure),
        };
        control.announce_end();
        scheduler.announce_end();
        // The worker says goodbye to a scheduler that still listens.
        let began = now();
        stop_work.cancel();
        if unasked.is_some() {
            // The worker ends because of that, and not by itself.
            asked.cancel();
        }
        let worked = working.ended(&asked).await;
        let half = services_share(drain) / 2;
        let left = || drain.saturating_sub(now().duration_since(began));
        // A cancel that waits asks the scheduler once more before it is answered.
        control
            .stop_within(left().saturating_sub(half).max(half))
            .await;
        scheduler.stop_within(left().max(half)).await;
        unasked.map_or(worked, Err)
    })
}

/// What the worker leaves of the drain time for the two services.
fn services_share(drain: Duration) -> Duration {
    (drain / 10).min(Duration::from_secs(1))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the drain time is this process's own time"
)]
fn now() -> Instant {
    Instant::now()
}

/// The directory that was named, or the default one.
pub(crate) fn data_directory(arguments: &DataArgs, file: &File) -> Result<PathBuf, Failure> {
    match arguments.data.clone().or_else(|| file.data.clone()) {
        Some(data) => Ok(data),
        None => Ok(default_data()?),
    }
}

/// A database that cannot be opened; one that is owned by another process, or of a newer release, has
/// a code of its own.
pub(crate) fn open_failure(error: OpenError) -> Failure {
    match error {
        OpenError::Locked { .. } => Failure::Coded(Code::Locked, error.to_string()),
        OpenError::NewerSchema { .. } => Failure::Coded(Code::NewerData, error.to_string()),
        other => Failure::Other(other.into()),
    }
}
