//! Lets a cleanup go that was held back, and tells those who look at the execution that it is for.

use rusqlite::OptionalExtension;
use taskpilot_domain::execution::Standing;
use taskpilot_domain::ids::ExecutionId;

use super::is_cleanup;
use crate::failure::Failure;
use crate::scheduler::attempts::name;
use crate::scheduler::codes::Place;
use crate::scheduler::executions::change::relocate;
use crate::scheduler::executions::{self, Found};
use crate::scheduler::turn::Turn;

static FIND: &str = include_str!("../../../sql/scheduler/cleanups/find.sql");
static FIND_CANCELED: &str = include_str!("../../../sql/scheduler/cleanups/find_canceled.sql");

/// Makes the cleanup of a canceled execution claimable: the stop is settled or released that held it, and
/// no two of an execution are open at once.
pub(in crate::scheduler) fn free(
    turn: &mut Turn<'_>,
    canceled: ExecutionId,
) -> Result<(), Failure> {
    let Some(cleanup) = other(turn, FIND, canceled)? else {
        return Ok(());
    };
    let found = executions::get(turn, cleanup)?;
    if found.place == Place::Blocked {
        let free = Standing {
            stop_unproven: false,
            ..found.standing
        };
        relocate(turn, &found, &free)?;
    }
    Ok(())
}

/// What changes a cleanup changes what is told of the execution that it is for.
pub(in crate::scheduler) fn tell(turn: &mut Turn<'_>, found: &Found) -> Result<(), Failure> {
    if is_cleanup(found.kind)
        && let Some(canceled) = other(turn, FIND_CANCELED, found.id)?
    {
        turn.memory.news.execution(canceled);
    }
    Ok(())
}

fn other(
    turn: &mut Turn<'_>,
    sql: &'static str,
    id: ExecutionId,
) -> Result<Option<ExecutionId>, Failure> {
    let statement = turn.statement(sql)?;
    let found: Option<i64> = statement
        .query_row([id.get()], |row| row.get(0))
        .optional()?;
    found.map(|id| Ok(name(id, 0)?.0)).transpose()
}
