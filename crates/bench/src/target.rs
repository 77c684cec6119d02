//! What is measured: a TaskPilot that is started for the purpose and ended afterwards, or one that
//! is there already.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;

use crate::arguments::{Elsewhere, Place};
use crate::clock::patiently;
use crate::process::Process;
use crate::service;

/// Time for an orderly end when a measurement is given up: more than the drain time of what is ended.
const END_TIME: Timespec = Timespec {
    tv_sec: 20,
    tv_nsec: 0,
};

/// Addresses, and the process behind them where it is ours.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) scheduler: String,
    pub(crate) control: Option<String>,
    own: Option<Own>,
}

/// A process that was started for the measurement, and workers beside its own.
#[derive(Debug)]
struct Own {
    child: Child,
    workers: Vec<Child>,
    directory: TempDir,
}

/// How a private one is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    pub(crate) slots: Option<u32>,
    /// The text of a handlers file; `@DIR@` in it is the directory of the measurement.
    pub(crate) handlers: Option<String>,
    /// For sessions that hold work without a sign of life.
    pub(crate) lease_ms: Option<u64>,
}

impl Target {
    /// The one that was named, or a private `taskpilot up` on a new directory.
    pub(crate) async fn open(place: &Place, elsewhere: &Elsewhere) -> Result<Self> {
        if let Some(scheduler) = &elsewhere.scheduler_url {
            return Ok(Self {
                scheduler: scheduler.clone(),
                control: elsewhere.url.clone(),
                own: None,
            });
        }
        Self::start(&place.directory()?, &Setup::default()).await
    }

    /// Starts a private one below the directory.
    pub(crate) async fn start(parent: &Path, setup: &Setup) -> Result<Self> {
        let directory = below(parent)?;
        let home = directory.path();
        let mut command = program(home, "log")?;
        command
            .stdout(Stdio::piped())
            .args(["up", "--control", "127.0.0.1:0"])
            .args(["--scheduler", "127.0.0.1:0", "--data"])
            .arg(home.join("data"));
        if let Some(slots) = setup.slots {
            command.args(["--slots", &slots.to_string()]);
        }
        if let Some(lease_ms) = setup.lease_ms {
            command.args(["--lease-ms", &lease_ms.to_string()]);
        }
        if let Some(handlers) = &setup.handlers {
            let text = handlers.replace("@DIR@", &home.to_string_lossy());
            std::fs::write(home.join("handlers.toml"), text)?;
            command.arg("--handlers").arg(home.join("handlers.toml"));
        }
        let child = command.spawn().context("taskpilot up did not start")?;
        let mut own = Own {
            child,
            workers: Vec::new(),
            directory,
        };
        let (control, scheduler) = own.ready().await?;
        Ok(Self {
            scheduler,
            control: Some(control),
            own: Some(own),
        })
    }

    /// Starts one more worker, with the handlers that the private one was set up with. It is there
    /// when it takes work.
    pub(crate) fn start_worker(&mut self, slots: u32) -> Result<()> {
        let url = self.scheduler.clone();
        let own = self.own.as_mut();
        let own = own.context("only a private TaskPilot gets more workers")?;
        let (home, number) = (own.directory.path(), own.workers.len() + 1);
        let mut command = program(home, &format!("worker-{number}.log"))?;
        command
            .stdout(Stdio::null())
            .args(["worker", "--scheduler-url", &url, "--handlers"])
            .arg(home.join("handlers.toml"))
            .args(["--slots", &slots.to_string(), "--drain-ms", "0", "--data"])
            .arg(home.join(format!("worker-{number}")));
        let child = command.spawn().context("taskpilot worker did not start")?;
        own.workers.push(child);
        Ok(())
    }

    /// The control plane.
    pub(crate) fn control(&self) -> Result<&str> {
        let url = self.control.as_deref();
        url.context("this needs the control plane: name it with --url")
    }

    /// The process, where it is ours.
    pub(crate) fn pid(&self) -> Result<u32> {
        let own = self.own.as_ref();
        let own = own.context("this looks at the process of a private TaskPilot")?;
        Ok(own.child.id())
    }

    /// The directory of the measurement, where it is ours.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        let own = self.own.as_ref();
        let own = own.context("this needs the directory of a private TaskPilot")?;
        Ok(own.directory.path().to_owned())
    }

    /// Ends a private one politely, so that nothing it started is left.
    pub(crate) async fn end(mut self) -> Result<()> {
        if let Some(own) = &mut self.own {
            for worker in &own.workers {
                kill_process(Pid::from_child(worker), Signal::TERM)?;
            }
            for worker in &mut own.workers {
                Process::of(Pid::from_child(worker))?.ended().await?;
                let status = worker.wait()?;
                if !status.success() {
                    bail!("taskpilot worker ended with {status}");
                }
            }
            let pid = Pid::from_child(&own.child);
            let process = Process::of(pid)?;
            kill_process(pid, Signal::TERM)?;
            process.ended().await?;
            let status = own.child.wait()?;
            if !status.success() {
                bail!("taskpilot up ended with {status}: {}", own.log());
            }
        }
        Ok(())
    }
}

/// This binary as a server below a directory, with nothing of the caller's configuration, which ends
/// with this process.
fn program(home: &Path, log: &str) -> Result<Command> {
    let program = std::env::current_exe().context("the program has no path")?;
    let mut command = service::command(&program);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TASKPILOT_LOG", "warn")
        .current_dir(home)
        .stdin(Stdio::null())
        .stderr(File::create(home.join(log))?);
    Ok(command)
}

/// A directory that goes away with the measurement.
pub(crate) fn below(parent: &Path) -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("taskpilot-bench-")
        .tempdir_in(parent)
        .with_context(|| format!("no directory below {}", parent.display()))
}

impl Own {
    /// Reads the line `taskpilot ready control=… scheduler=…`.
    async fn ready(&mut self) -> Result<(String, String)> {
        let stdout = self.child.stdout.take().context("no standard output")?;
        let mut stdout = BufReader::new(Receiver::from_owned_fd(stdout.into())?);
        let mut line = String::new();
        let read = async { Ok(stdout.read_line(&mut line).await?) };
        patiently(|| "taskpilot up to get ready".to_owned(), read).await?;
        let value = |name: &str| {
            let mut words = line.split_whitespace();
            words.find_map(|word| word.strip_prefix(name).map(str::to_owned))
        };
        match (value("control="), value("scheduler=")) {
            (Some(control), Some(scheduler)) => Ok((control, scheduler)),
            _ => bail!("taskpilot up did not get ready: {}", self.log()),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Own {
    /// Where a measurement is given up: politely too, so that what runs under it is gone before its
    /// directory is.
    fn drop(&mut self) {
        for worker in &mut self.workers {
            end_politely(worker);
        }
        end_politely(&mut self.child);
    }
}

fn end_politely(child: &mut Child) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    let pid = Pid::from_child(child);
    if let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) {
        let _ = kill_process(pid, Signal::TERM);
        let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&END_TIME));
    }
    let _ = child.kill();
    let _ = child.wait();
}
