//! Makes due executions claimable, the earliest first.

use taskpilot_domain::ids::ExecutionId;
use taskpilot_store::scheduler::Tick;

use super::TABLE;
use super::change::relocate;
use crate::failure::Failure;
use crate::scheduler::turn::Turn;

static LIST_DUE: &str = include_str!("../../../sql/scheduler/executions/list_due.sql");

pub(in crate::scheduler) fn promote(turn: &mut Turn<'_>, limit: u32) -> Result<Tick, Failure> {
    let mut moved = 0;
    for id in turn.due::<ExecutionId>(LIST_DUE, TABLE, limit)? {
        let found = super::get(turn, id)?;
        let standing = found.standing;
        if relocate(turn, &found, &standing)? {
            moved += 1;
        }
    }
    Ok(Tick {
        moved,
        ended: Vec::new(),
    })
}
