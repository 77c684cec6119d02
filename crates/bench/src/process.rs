//! What the kernel knows of a process: its memory and the time it had.

use std::fs;

use anyhow::{Context, Result};

use crate::machine::value_of;

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
