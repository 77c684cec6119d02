//! The supervisor as a program of its own, and a worker of one command, for this crate's tests.
//!
//! `taskpilot-supervise <journal> <marker> <program> [argument…]` runs the program under a
//! supervisor until it is killed itself: tests kill it to see what becomes of the tree.

use std::path::Path;
use std::process::ExitCode;

use taskpilot_worker::clock::BootInstant;
use taskpilot_worker::journal::Journal;
use taskpilot_worker::spec::CommandSpec;
use taskpilot_worker::supervise_main;
use taskpilot_worker::supervised::{SUBCOMMAND, Supervision};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [first, ..] if first == SUBCOMMAND => supervise_main(),
        [journal, marker, argv @ ..] if !argv.is_empty() => {
            run_until_killed(Path::new(journal), marker, argv)
        }
        _ => ExitCode::FAILURE,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run_until_killed(journal: &Path, marker: &str, argv: &[String]) -> ExitCode {
    let journal = Journal::open(journal).expect("a journal");
    let lease_end = BootInstant::now().plus_ms(600_000);
    let spec = CommandSpec::new(argv.to_vec(), marker.to_owned(), lease_end);
    let supervision = Supervision::by_this_binary(journal);
    let (supervised, mut events) = supervision.spawn(spec).await.expect("a supervisor");
    supervised.start().expect("a supervisor that listens");
    match events.ended().await {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}
