//! What a cleanup is told of the execution that was canceled.

use rusqlite::{OptionalExtension, Row};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use taskpilot_domain::stop::{StopCause, StopStatus};
use taskpilot_store::rows::executions::{CleanupOf, LastProgress};

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::word_or_none;
use crate::scheduler::turn::Turn;

static GET_CANCELED: &str = include_str!("../../../sql/scheduler/cleanups/get_canceled.sql");

const TABLE: &str = "cleanup";

/// What is told to the cleanup with this id: retention keeps the other one until it has ended.
pub(in crate::scheduler) fn canceled(
    turn: &mut Turn<'_>,
    cleanup: ExecutionId,
) -> Result<CleanupOf, Failure> {
    let statement = turn.statement(GET_CANCELED)?;
    let found = statement.query_row([cleanup.get()], |row| Ok(read(row)));
    found.optional()?.ok_or(Failure::Corrupt {
        table: TABLE,
        column: "canceled",
        id: cleanup.get(),
    })?
}

fn read(row: &Row<'_>) -> Result<CleanupOf, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let execution = columns.number("id")?;
    let attempt = AttemptNumber(columns.number("attempt")?);
    let cause = word_or_none(&mut columns, "cause")?;
    Ok(CleanupOf {
        execution,
        attempt: (attempt.0 > 0).then_some(attempt),
        cause: cause.unwrap_or(StopCause::User),
        requested_at: columns.instant("canceled_at")?,
        requested_by: columns.word("canceled_by")?,
        reason: columns.value("reason")?,
        stop: word_or_none(&mut columns, "status")?.unwrap_or(StopStatus::NotNeeded),
        how: word_or_none(&mut columns, "how")?,
        progress: progress(&mut columns)?,
    })
}

fn progress(columns: &mut Columns<'_, '_>) -> Result<Option<LastProgress>, Failure> {
    let attempt = columns.number_or_none("said_attempt")?;
    let at = columns.instant_or_none("said_at")?;
    let percent = columns.number_or_none("percent")?;
    let message: Option<String> = columns.value("message")?;
    Ok(attempt.zip(at).map(|(attempt, at)| LastProgress {
        attempt: AttemptNumber(attempt),
        at,
        percent,
        message,
    }))
}
