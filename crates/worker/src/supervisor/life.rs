//! The whole life of a supervisor process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use super::supervise::Supervise;
use super::tree;

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
