//! The program that command attempts of a measurement run: it says when it began, and when it was
//! told to end. Each mark is one line of a pipe: the word, the number of the work, the process, the
//! instant.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use anyhow::{Context, Result};
use signal_hook::consts::SIGTERM;

use crate::clock::now_ns;

/// The argument that makes the binary this program.
pub const HANDLER: &str = "bench-handler";

/// Runs it: `bench-handler PIPE once|until-told NUMBER`.
pub fn handler_main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let began = now_ns();
    match run(arguments, began) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(mut arguments: impl Iterator<Item = OsString>, began: u64) -> Result<()> {
    let mut next = || arguments.next().context("an argument is missing");
    let (pipe, manner, number) = (next()?, next()?, next()?);
    let number = number.to_string_lossy();
    let mark = |word: &str, instant: u64| -> Result<()> {
        let line = format!("{word} {number} {} {instant}\n", std::process::id());
        let mut pipe = OpenOptions::new().append(true).open(&pipe)?;
        Ok(pipe.write_all(line.as_bytes())?)
    };
    if manner != "until-told" {
        return mark("start", began);
    }
    let (mut told, teller) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGTERM, teller)?;
    mark("start", began)?;
    told.read_exact(&mut [0])?;
    mark("signal", now_ns())
}

/// The declarations of the two manners, for the worker of a measurement.
pub(crate) fn declarations() -> Result<String> {
    let program = std::env::current_exe().context("the program has no path")?;
    let program = program.to_string_lossy();
    let one = |kind: &str, manner: &str| {
        format!(
            r#"
[[handler]]
type = "{kind}"
argv = ['{program}', "{HANDLER}", '@DIR@/marks', "{manner}", "{{n}}"]
parameters = {{ type = "object", properties = {{ n = {{ type = "integer" }} }}, required = ["n"] }}
environment = []
stdin = "none"
"#
        )
    };
    Ok(one(ONCE, "once") + &one(UNTIL_TOLD, "until-told"))
}

/// The type that ends at once.
pub(crate) const ONCE: &str = "bench-once";
/// The type that runs until it is told to end.
pub(crate) const UNTIL_TOLD: &str = "bench-until-told";
