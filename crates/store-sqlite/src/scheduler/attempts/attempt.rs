//! What names an attempt, and which ones a session runs.

use taskpilot_domain::ids::{AttemptNumber, ExecutionId};

use crate::failure::Failure;
use crate::scheduler::turn::Turn;

static LIST_RUNNING: &str = include_str!("../../../sql/scheduler/attempts/list_running.sql");
static COUNT_RUNNING: &str = include_str!("../../../sql/scheduler/attempts/count_running.sql");

pub(in crate::scheduler) const TABLE: &str = "attempt";

/// What names an attempt.
pub(in crate::scheduler) type Name = (ExecutionId, AttemptNumber);

/// An attempt that a session runs, and the claim that began it.
pub(in crate::scheduler) struct Running {
    pub(in crate::scheduler) name: Name,
    pub(in crate::scheduler) claim_seq: u64,
}

/// What a session runs, the earliest claim first. Its slots bound it, and `limit`.
pub(in crate::scheduler) fn list_running(
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
pub(in crate::scheduler) fn count_running(
    connection: &rusqlite::Connection,
    session: i64,
) -> Result<u32, Failure> {
    let mut statement = connection.prepare_cached(COUNT_RUNNING)?;
    Ok(statement.query_row([session], |row| row.get(0))?)
}

/// An attempt by the columns that name it.
pub(in crate::scheduler) fn name(execution: i64, attempt: u32) -> Result<Name, Failure> {
    let id = ExecutionId::new(execution).map_err(|_| Failure::Corrupt {
        table: TABLE,
        column: "execution",
        id: execution,
    })?;
    Ok((id, AttemptNumber(attempt)))
}
