//! The supervisor as a program of its own, and a worker of one command, for this crate's tests.
//!
//! `taskpilot-supervise [--group] <journal> <marker> <program> [argument…]` runs the program under a
//! supervisor, and in a control group, until it is killed itself: tests kill it to see what becomes of
//! the tree.

use std::path::Path;
use std::process::ExitCode;

use taskpilot_worker::clock::BootInstant;
use taskpilot_worker::groups::Groups;
use taskpilot_worker::journal::Journal;
use taskpilot_worker::spec::CommandSpec;
use taskpilot_worker::supervise_main;
use taskpilot_worker::supervised::{SUBCOMMAND, Supervision};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [first, ..] if first == SUBCOMMAND => supervise_main(),
        [first, rest @ ..] if first == "--group" => run(rest, Groups::own()),
        all => run(all, None),
    }
}

fn run(arguments: &[String], groups: Option<Groups>) -> ExitCode {
    match arguments {
        [journal, marker, argv @ ..] if !argv.is_empty() => {
            let journal = Journal::open(Path::new(journal)).expect("a journal");
            let supervision = Supervision::by_this_binary(journal);
            let supervision = match groups {
                Some(groups) => supervision.in_groups(groups),
                None => supervision,
            };
            run_until_killed(&supervision, marker, argv)
        }
        _ => ExitCode::FAILURE,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run_until_killed(supervision: &Supervision, marker: &str, argv: &[String]) -> ExitCode {
    let lease_end = BootInstant::now().plus_ms(600_000);
    let spec = CommandSpec::new(argv.to_vec(), marker.to_owned(), lease_end);
    let (supervised, mut events) = supervision.spawn(spec).await.expect("a supervisor");
    supervised.start().expect("a supervisor that listens");
    match events.ended().await {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}
