//! The commands of the repository itself: `cargo xtask tidy`, `cargo xtask docs`.
//! What builds, installs or runs something is in the `Makefile`.

mod docs;
mod finding;
mod rust_text;
mod tidy;
mod tree;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Err(error) = run(&words) else {
        return ExitCode::SUCCESS;
    };
    // Without a terminal to tell, the exit code is all there is.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    ExitCode::FAILURE
}

fn run(words: &[&str]) -> Result<()> {
    match words {
        ["tidy"] => tidy::run(root()),
        ["docs"] => docs::run(root(), false),
        ["docs", "--check"] => docs::run(root(), true),
        _ => bail!("usage: cargo xtask tidy | docs [--check]"),
    }
}

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}
