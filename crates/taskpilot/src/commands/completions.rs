//! `taskpilot completions`: what a shell needs to complete our command lines.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::arguments::Arguments;
use crate::exit::{Code, Failure};
use crate::output;

/// Prints the script of a shell.
pub(crate) fn run(shell: Shell) -> Result<Code, Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "taskpilot", &mut script);
    let script = String::from_utf8(script).map_err(anyhow::Error::from)?;
    output::text(&script);
    Ok(Code::Ok)
}
