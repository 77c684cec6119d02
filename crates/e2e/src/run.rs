//! How the binary is started: with its arguments, a home of its own, and nothing of the caller's
//! configuration.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::timeout;

use crate::taskpilot::Taskpilot;
use crate::workbench::Workbench;

/// Variables of the caller that would change what the binary does.
const CONFIGURATION: [&str; 21] = [
    "RUST_BACKTRACE",
    "RUST_LOG",
    "TASKPILOT_CONFIG",
    "TASKPILOT_CONTROL",
    "TASKPILOT_DATA",
    "TASKPILOT_DRAIN_MS",
    "TASKPILOT_HANDLERS",
    "TASKPILOT_HISTORY_DAYS",
    "TASKPILOT_LEASE_MS",
    "TASKPILOT_LISTEN",
    "TASKPILOT_LOG",
    "TASKPILOT_NAME",
    "TASKPILOT_QUEUES",
    "TASKPILOT_SCHEDULER",
    "TASKPILOT_SCHEDULER_URL",
    "TASKPILOT_SLOTS",
    "TASKPILOT_URL",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
];

/// Longer than any command line may take that waits for nothing.
const PATIENCE: Duration = Duration::from_mins(1);

/// A start of the binary that is being put together.
#[derive(Debug)]
#[must_use = "nothing is started yet"]
pub struct Launch {
    command: Command,
    directory: PathBuf,
}

/// What a command line left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Launch {
    /// The program in the directory of the test.
    pub fn new(binary: impl AsRef<OsStr>, bench: &Workbench) -> Self {
        let mut command = Command::new(binary);
        command
            .current_dir(bench.root())
            .env("HOME", bench.root())
            .stdin(Stdio::null());
        for name in CONFIGURATION {
            command.env_remove(name);
        }
        Self {
            command,
            directory: bench.root().to_owned(),
        }
    }

    /// Adds arguments.
    pub fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator<Item: Into<OsString>>,
    {
        self.command.args(args.into_iter().map(Into::into));
        self
    }

    /// Adds an option and its value.
    pub fn option(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.arg(name).arg(value);
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts a server; `name` is for its logs and its home, which it has again after a restart.
    pub fn spawn(self, name: &str) -> Result<Taskpilot> {
        let directory = self.directory.clone();
        let home = directory.join(format!("{name}.home"));
        fs::create_dir_all(&home).context("failed to make a home")?;
        Taskpilot::spawn(self.env("HOME", home), &directory, name)
    }

    /// Runs a command to its end.
    pub async fn run(self) -> Result<Finished> {
        let mut command = tokio::process::Command::from(self.command);
        command.kill_on_drop(true);
        let output = timeout(PATIENCE, command.output())
            .await
            .context("it did not end")?;
        let output = output.context("failed to start the binary")?;
        Ok(Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    pub(crate) fn into_command(self) -> Command {
        self.command
    }
}
