//! A private service that does not outlive its measurement, however that ends: also by SIGKILL, when
//! nothing of it can say goodbye.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// The argument that makes the binary one, before the id of the measurement and the ordinary command
/// line.
pub const SERVICE: &str = "bench-service";

/// The command line of one that this process starts.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(SERVICE).arg(std::process::id().to_string());
    command
}

/// Asks the kernel for SIGTERM when the measurement ends, for `bench-service ID …` with the argument
/// behind its name.
///
/// To the kernel the parent is the thread that started this process: a measurement has its runtime on
/// its first thread, which ends with it.
pub fn end_with(measurement: Option<&OsString>) -> Result<()> {
    let measurement = measurement.and_then(|id| id.to_str()?.parse().ok());
    let measurement = measurement.and_then(Pid::from_raw);
    let measurement = measurement.context("the id of the measurement is missing")?;
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // It may have ended before it was asked for.
    ensure!(getppid() == Some(measurement), "the measurement has ended");
    Ok(())
}
