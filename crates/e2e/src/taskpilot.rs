//! The real binary as a server: started, awaited by its ready line, signaled by its process id, and
//! gone at the end of the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::http::Http;
use crate::run::Launch;
use crate::wait::{SOON, wait_until};

/// The end of the log that a failure shows.
const LOG_BYTES_SHOWN: usize = 16 * 1024;

/// A running role, or several in one process.
#[derive(Debug)]
pub struct Taskpilot {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What a role says of itself when it is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ready {
    /// The URL of the control plane, if it runs here.
    pub control: Option<String>,
    /// The URL of the scheduler, if it runs here.
    pub scheduler: Option<String>,
}

impl Ready {
    /// Reads the one line: `taskpilot ready control=http://… scheduler=http://…`.
    pub fn read(line: &str) -> Result<Self> {
        let mut words = line.split(' ');
        if (words.next(), words.next()) != (Some("taskpilot"), Some("ready")) {
            bail!("not a ready line: {line:?}");
        }
        let mut ready = Self::default();
        for word in words {
            match word.split_once('=') {
                Some(("control", url)) => ready.control = Some(url.to_owned()),
                Some(("scheduler", url)) => ready.scheduler = Some(url.to_owned()),
                _ => bail!("{word:?} in the ready line {line:?}"),
            }
        }
        Ok(ready)
    }
}

impl Taskpilot {
    /// Starts the binary with its outputs in files `name.out` and `name.err`.
    pub(crate) fn spawn(launch: Launch, directory: &Path, name: &str) -> Result<Self> {
        let (stdout, stderr) = (
            directory.join(format!("{name}.out")),
            directory.join(format!("{name}.err")),
        );
        let mut command = launch.into_command();
        command
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?);
        let child = command.spawn().context("failed to start the binary")?;
        Ok(Self {
            name: name.to_owned(),
            child,
            stdout,
            stderr,
        })
    }

    /// Waits for the ready line.
    pub async fn ready(&mut self) -> Result<Ready> {
        let what = format!("{} is ready", self.name);
        let stdout = self.stdout.clone();
        let line = wait_until(&what, SOON, || {
            let ended = self.child.try_wait();
            let said = fs::read_to_string(&stdout);
            let name = &self.name;
            async move {
                if let Some((line, _)) = said?.split_once('\n') {
                    return Ok(Some(line.to_owned()));
                }
                match ended? {
                    Some(status) => bail!("{name} ended before it was ready: {status}"),
                    None => Ok(None),
                }
            }
        });
        Ready::read(&line.await?)
    }

    /// Waits for the ready line and gives the control plane.
    pub async fn control(&mut self) -> Result<Http> {
        let url = self
            .ready()
            .await?
            .control
            .context("no control plane in the ready line")?;
        Http::of_url(&url)
    }

    /// Waits for the ready line and gives the scheduler.
    pub async fn scheduler(&mut self) -> Result<Http> {
        let url = self
            .ready()
            .await?
            .scheduler
            .context("no scheduler in the ready line")?;
        Http::of_url(&url)
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process, and to no other.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("failed to signal {}", self.name))
    }

    /// Whether it has ended, and how.
    pub fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("failed to ask for its end")
    }

    /// Waits for its own end.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let what = format!("{} has ended", self.name);
        wait_until(&what, within, || {
            let ended = self.has_ended();
            async move { ended }
        })
        .await
    }

    /// Ends it as a power failure would: at once, with nothing said.
    pub async fn crash(mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.ended(SOON).await?;
        Ok(())
    }

    /// Ends it politely, and takes it that it ended well.
    pub async fn stop(mut self, within: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        let status = self.ended(within).await?;
        anyhow::ensure!(
            status.success(),
            "{} ended with {status} after SIGTERM",
            self.name
        );
        Ok(())
    }

    /// What it wrote to standard output.
    pub fn stdout(&self) -> Result<String> {
        fs::read_to_string(&self.stdout).context("failed to read the output")
    }

    /// What it wrote to standard error: its log.
    pub fn stderr(&self) -> Result<String> {
        fs::read_to_string(&self.stderr).context("failed to read the log")
    }
}

impl Drop for Taskpilot {
    /// The log is shown by the test runner if the test failed, and swallowed otherwise.
    #[expect(
        clippy::print_stderr,
        reason = "what a test prints is shown where it failed"
    )]
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        let log = fs::read(&self.stderr).unwrap_or_default();
        let end = &log[log.len().saturating_sub(LOG_BYTES_SHOWN)..];
        eprintln!(
            "--- log of {}:\n{}",
            self.name,
            String::from_utf8_lossy(end)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_names_the_roles_it_has() {
        let url = |url: &str| Some(url.to_owned());
        let both = "taskpilot ready control=http://127.0.0.1:1 scheduler=http://127.0.0.1:2";
        let both = Ready::read(both).unwrap();
        assert_eq!(both.control, url("http://127.0.0.1:1"));
        assert_eq!(both.scheduler, url("http://127.0.0.1:2"));
        let one = Ready::read("taskpilot ready scheduler=http://127.0.0.1:2").unwrap();
        assert_eq!(
            one,
            Ready {
                control: None,
                ..both
            }
        );
        for line in [
            "",
            "ready",
            "taskpilot ready port=1",
            "taskpilot ready control",
        ] {
            assert!(Ready::read(line).is_err(), "{line}");
        }
    }
}
