//! Writes what became of an attempt: its end, what was reported of it, what it printed.

use rusqlite::params;
use taskpilot_domain::execution::AttemptEnd;
use taskpilot_domain::limits::LATE_RESULT_BYTES_MAX;
use taskpilot_store::rows::attempts::{Exit, OutputTail};

use super::Name;
use crate::failure::Failure;
use crate::scheduler::codes::Coded;
use crate::scheduler::turn::Turn;

static CLOSE: &str = include_str!("../../../sql/scheduler/attempts/close.sql");
static NOTE_LATE: &str = include_str!("../../../sql/scheduler/attempts/note_late.sql");
static NOTE_EXIT: &str = include_str!("../../../sql/scheduler/attempts/note_exit.sql");
static INSERT_OUTPUT: &str = include_str!("../../../sql/scheduler/attempts/insert_output.sql");

/// The end of an attempt.
pub(in crate::scheduler) struct Closing<'c> {
    pub(in crate::scheduler) end: AttemptEnd,
    pub(in crate::scheduler) result: Option<&'c str>,
    /// Code and message.
    pub(in crate::scheduler) error: Option<(&'c str, &'c str)>,
    pub(in crate::scheduler) exit: Exit,
}

/// Ends a running attempt.
pub(in crate::scheduler) fn close(
    turn: &mut Turn<'_>,
    (execution, attempt): Name,
    closing: &Closing<'_>,
) -> Result<(), Failure> {
    let now = turn.now.as_millis();
    let written = turn.statement(CLOSE)?.execute(params![
        execution.get(),
        attempt.0,
        closing.end.code(),
        now,
        closing.exit.code,
        closing.exit.signal,
        closing.error.map(|(code, _)| code),
        closing.error.map(|(_, message)| message),
        closing.result,
    ])?;
    assert_eq!(
        written, 1,
        "invariant: the attempt of a running execution is open"
    );
    Ok(())
}

/// What a report said that came too late.
pub(super) struct Late<'l> {
    pub(super) outcome: AttemptEnd,
    pub(super) result: Option<&'l str>,
    /// Code and message.
    pub(super) error: Option<(&'l str, &'l str)>,
}

/// Keeps a report that came too late. `false`: an earlier one stands.
pub(super) fn note_late(
    turn: &mut Turn<'_>,
    (execution, attempt): Name,
    late: &Late<'_>,
) -> Result<bool, Failure> {
    let now = turn.now.as_millis();
    let short = late
        .result
        .filter(|result| result.len() <= LATE_RESULT_BYTES_MAX);
    let written = turn.statement(NOTE_LATE)?.execute(params![
        execution.get(),
        attempt.0,
        now,
        late.outcome.code(),
        late.result
            .map(|result| i64::try_from(result.len()).unwrap_or(i64::MAX)),
        short,
        late.error.map(|(code, _)| code),
        late.error.map(|(_, message)| message),
    ])?;
    Ok(written == 1)
}

/// Keeps how the program of a stopped attempt ended, unless that is known.
pub(super) fn note_exit(
    turn: &mut Turn<'_>,
    (execution, attempt): Name,
    exit: Exit,
) -> Result<(), Failure> {
    if exit != Exit::default() {
        turn.statement(NOTE_EXIT)?
            .execute((execution.get(), attempt.0, exit.code, exit.signal))?;
    }
    Ok(())
}

/// Keeps what an attempt printed last, unless that is known.
pub(super) fn note_output(
    turn: &mut Turn<'_>,
    (execution, attempt): Name,
    output: Option<&OutputTail>,
) -> Result<(), Failure> {
    if let Some(output) = output {
        turn.statement(INSERT_OUTPUT)?.execute(params![
            execution.get(),
            attempt.0,
            output.stdout_truncated,
            output.stderr_truncated,
            output.stdout,
            output.stderr,
        ])?;
    }
    Ok(())
}
