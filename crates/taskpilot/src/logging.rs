//! The log: standard error, one line an event, never a payload.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::Environment;

/// Starts the log with the filter of `TASKPILOT_LOG`, such as `debug` or `taskpilot=debug`.
pub(crate) fn start() -> Result<(), crate::exit::Failure> {
    let filter = Environment::get("TASKPILOT_LOG").unwrap_or_else(|| "info".into());
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        crate::exit::Failure::Usage(format!("TASKPILOT_LOG is {filter:?}: {error}"))
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !Environment::no_color())
        .with_target(false)
        .init();
    Ok(())
}
