//! The sessions that are forgotten: ended for so long, and so with nothing to prove.

use taskpilot_domain::retention::Retention;

use crate::failure::Failure;
use crate::scheduler::turn::Turn;

static LIST: &str = include_str!("../../../sql/scheduler/retention/list_sessions.sql");
static DELETE: &str = include_str!("../../../sql/scheduler/retention/delete_session.sql");

pub(super) fn forget(
    turn: &mut Turn<'_>,
    retention: Retention,
    limit: u32,
) -> Result<u32, Failure> {
    let before = retention.sessions_horizon(turn.now).as_millis();
    let rows = turn
        .statement(LIST)?
        .query_map((before, limit), |row| row.get(0))?;
    let ended: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
    let mut forgotten = 0;
    for id in ended {
        turn.statement(DELETE)?.execute([id])?;
        forgotten += 1;
    }
    Ok(forgotten)
}
