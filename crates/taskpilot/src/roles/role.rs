//! What every role does: it runs on a runtime, says that it is ready, and has a time to end.

use std::future::Future;
use std::time::Duration;

use taskpilot_domain::limits::DRAIN_MS_DEFAULT;

use crate::arguments::DrainArgs;
use crate::config::File;
use crate::exit::{Code, Failure};
use crate::{logging, output};

/// Runs a role to its end on a runtime of its own.
pub(super) fn block_on<F>(role: F) -> Result<Code, Failure>
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
pub(super) fn announce(services: &[(&str, &str)]) {
    let parts: Vec<String> = services
        .iter()
        .map(|(role, url)| format!("{role}={url}"))
        .collect();
    output::line(&format!("taskpilot ready {}", parts.join(" ")));
}

/// How long an orderly end may take.
pub(super) fn drain_time(arguments: &DrainArgs, file: &File) -> Duration {
    Duration::from_millis(
        arguments
            .drain_ms
            .or(file.drain_ms)
            .unwrap_or(DRAIN_MS_DEFAULT),
    )
}
