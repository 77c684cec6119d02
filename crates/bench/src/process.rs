//! What the kernel knows of a process: its memory, the time it had, and its end.

use std::fs;

use anyhow::{Context, Result};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::clock::{now_ns, patiently};
use crate::machine::value_of;
use crate::readable::readable;

/// A process whose end can be waited for, whoever started it.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    handle: OwnedFd,
}

impl Process {
    /// One that runs, or whose end nobody has collected yet.
    pub(crate) fn of(pid: Pid) -> Result<Self> {
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Self { pid, handle })
    }

    /// Waits for its end and tells the instant.
    pub(crate) async fn ended(self) -> Result<u64> {
        let Self { pid, handle } = self;
        let ended = async {
            readable(handle).await?;
            Ok(now_ns())
        };
        let what = || {
            format!(
                "the end of the process with the id {}",
                pid.as_raw_nonzero()
            )
        };
        patiently(what, ended).await
    }
}

/// Memory of a process that is its own: resident, without the pages of files.
pub(crate) fn own_mib(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let kib = |name: &str| -> Result<f64> {
        let value = value_of(&path, name).with_context(|| format!("no {name} in {path}"))?;
        let number = value.split(' ').next().unwrap_or_default();
        number
            .parse()
            .with_context(|| format!("{name} is {value:?}"))
    };
    Ok((kib("VmRSS")? - kib("RssFile")?) / 1024.0)
}

/// Seconds that all threads of a process ran.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may have blanks in it.
    let (_, rest) = text
        .rsplit_once(')')
        .context("a line of /proc without a name")?;
    let mut numbers = rest.split_whitespace().skip(11);
    let mut next = || -> Result<f64> {
        let number = numbers.next().context("a line of /proc that is cut")?;
        Ok(number.parse()?)
    };
    let ticks = next()? + next()?;
    #[expect(clippy::cast_precision_loss, reason = "it is a hundred")]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok(ticks / per_second)
}
