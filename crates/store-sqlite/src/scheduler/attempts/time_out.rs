//! Ends attempts that run longer than they may, and stops what is left of them.

use taskpilot_domain::execution::{Event, transition};
use taskpilot_domain::retry::Jitter;
use taskpilot_store::scheduler::Tick;

use super::{Name, name};
use crate::failure::Failure;
use crate::scheduler::executions;
use crate::scheduler::executions::change::{Report, apply};
use crate::scheduler::turn::Turn;

static LIST_TIMED_OUT: &str = include_str!("../../../sql/scheduler/attempts/list_timed_out.sql");

pub(in crate::scheduler) fn time_out(
    turn: &mut Turn<'_>,
    limit: u32,
    jitter: Jitter,
) -> Result<Tick, Failure> {
    let mut moved = 0;
    for (execution, _) in due(turn, limit)? {
        let found = executions::get(turn, execution)?;
        let event = Event::AttemptTimedOut;
        let jitter = jitter.nth(u64::from(moved));
        if let Ok(change) = transition(&found.standing, event, turn.now, jitter) {
            apply(turn, &found, (event, &change), Report::default())?;
            moved += 1;
        }
    }
    Ok(Tick {
        moved,
        ended: Vec::new(),
    })
}

fn due(turn: &mut Turn<'_>, limit: u32) -> Result<Vec<Name>, Failure> {
    let now = turn.now.as_millis();
    let statement = turn.statement(LIST_TIMED_OUT)?;
    let rows = statement.query_map((now, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, u32)> = rows.collect::<rusqlite::Result<_>>()?;
    rows.into_iter()
        .map(|(execution, attempt)| name(execution, attempt))
        .collect()
}
