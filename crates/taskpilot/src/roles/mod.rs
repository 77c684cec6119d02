//! The roles that serve: assembly of the libraries, their start and their orderly end.

pub(crate) mod control;
pub(crate) mod scheduler;
mod service;
pub(crate) mod up;
pub(crate) mod worker;

use std::future::Future;
use std::time::Duration;

use taskpilot_domain::limits::DRAIN_MS_DEFAULT;

use crate::arguments::DrainArgs;
use crate::config::File;
use crate::exit::{Code, Failure};
use crate::{logging, output};

/// Runs a role to its end on a runtime of its own.
fn block_on<F>(role: F) -> Result<Code, Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    logging::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    runtime.block_on(role)?;
    Ok(Code::Ok)
}

/// The line that says that a role listens: name and address of each.
fn announce(services: &[(&str, &str)]) {
    let parts: Vec<String> = services
        .iter()
        .map(|(role, url)| format!("{role}={url}"))
        .collect();
    output::line(&format!("taskpilot ready {}", parts.join(" ")));
}

fn drain_time(arguments: &DrainArgs, file: &File) -> Duration {
    Duration::from_millis(
        arguments
            .drain_ms
            .or(file.drain_ms)
            .unwrap_or(DRAIN_MS_DEFAULT),
    )
}
