//! Rows of attempts: begun by a claim, closed by a decision, kept for their fence.

pub(super) mod claim;
pub(super) mod close;
pub(super) mod finish;
pub(super) mod grant;
pub(super) mod read;
pub(super) mod time_out;

use taskpilot_domain::ids::{AttemptNumber, ExecutionId};

use super::turn::Turn;
use crate::failure::Failure;

static LIST_RUNNING: &str = include_str!("../../../sql/scheduler/attempts/list_running.sql");
static COUNT_RUNNING: &str = include_str!("../../../sql/scheduler/attempts/count_running.sql");

pub(super) const TABLE: &str = "attempt";

/// What names an attempt.
pub(super) type Name = (ExecutionId, AttemptNumber);

/// An attempt that a session runs, and the claim that began it.
pub(super) struct Running {
    pub(super) name: Name,
    pub(super) claim_seq: u64,
}

/// What a session runs, the earliest claim first. Its slots bound it, and `limit`.
pub(super) fn list_running(
    turn: &mut Turn<'_>,
    session: i64,
    limit: u32,
) -> Result<Vec<Running>, Failure> {
    let statement = turn.statement(LIST_RUNNING)?;
    let rows = statement.query_map((session, limit), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?))
    })?;
    let rows: Vec<(i64, u32, i64)> = rows.collect::<rusqlite::Result<_>>()?;
    rows.into_iter()
        .map(|(execution, attempt, claim_seq)| {
            Ok(Running {
                name: name(execution, attempt)?,
                claim_seq: claim_seq.cast_unsigned(),
            })
        })
        .collect()
}

/// How many attempts a session runs.
pub(super) fn count_running(
    connection: &rusqlite::Connection,
    session: i64,
) -> Result<u32, Failure> {
    let mut statement = connection.prepare_cached(COUNT_RUNNING)?;
    Ok(statement.query_row([session], |row| row.get(0))?)
}

/// An attempt by the columns that name it.
pub(super) fn name(execution: i64, attempt: u32) -> Result<Name, Failure> {
    let id = ExecutionId::new(execution).map_err(|_| Failure::Corrupt {
        table: TABLE,
        column: "execution",
        id: execution,
    })?;
    Ok((id, AttemptNumber(attempt)))
}
