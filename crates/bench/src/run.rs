//! From the command line to the report.

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{BenchArgs, Mode};
use crate::report::Report;
use crate::{all, cancel, curve, dispatch, drain, floor, lifecycle, memory};

/// Measures what was asked for. Needs a thread without a runtime.
pub fn run(arguments: BenchArgs) -> Result<Report> {
    // One thread: what generates the load takes no more of the machine than it must.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(async move {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            report = measure(arguments.mode) => report,
            // What was started ends with what started it.
            _ = interrupt.recv() => bail!("interrupted before it was done"),
            _ = terminate.recv() => bail!("told to end before it was done"),
        }
    })
}

async fn measure(mode: Mode) -> Result<Report> {
    match mode {
        Mode::Floor(args) => floor::measure(&args).await,
        Mode::Lifecycle(args) => lifecycle::measure(&args).await,
        Mode::Drain(args) => drain::measure(&args).await,
        Mode::Dispatch(args) => dispatch::measure(&args).await,
        Mode::Cancel(args) => cancel::measure(&args).await,
        Mode::Memory(args) => memory::measure(&args).await,
        Mode::Curve(args) => curve::measure(&args).await,
        Mode::All(args) => all::measure(&args).await,
    }
}
