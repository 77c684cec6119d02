//! The inside of the supervisor process: small, single-threaded, no tokio.
//!
//! It is a child subreaper in its own session, so every descendant of the program comes back to it
//! however it was forked. It ends the tree and reports only when `waitpid` answers that no child is
//! left: that is the proof that nothing is. What a program has others do for it (cron, a container
//! daemon, systemd) is not its descendant and is not ended.

mod channels;
mod output;
mod plan;
mod program;
mod resources;
mod signals;
mod supervise;
mod timer;
mod tree;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use supervise::Supervise;

/// The whole life of a supervisor process, for `argv[1] == "__supervise"`. Orders come on standard
/// input, reports go to standard output. To be called before anything else, above all before any
/// thread is started.
pub fn supervise_main() -> ExitCode {
    let outcome = catch_unwind(AssertUnwindSafe(|| Supervise::set_up()?.run()));
    if let Ok(Ok(())) = outcome {
        return ExitCode::SUCCESS;
    }
    // An error or a bug of ours must not set a tree free.
    tree::kill_until_empty();
    ExitCode::FAILURE
}
