//! Fails executions whose deadline passed, whatever they were doing.

use taskpilot_domain::execution::{Event, transition};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::retry::Jitter;
use taskpilot_store::scheduler::Tick;

use super::TABLE;
use super::change::{Report, apply};
use crate::failure::Failure;
use crate::scheduler::turn::Turn;

static LIST_OVERDUE: &str = include_str!("../../../sql/scheduler/executions/list_overdue.sql");

pub(in crate::scheduler) fn pass(turn: &mut Turn<'_>, limit: u32) -> Result<Tick, Failure> {
    let mut moved = 0;
    for id in turn.due::<ExecutionId>(LIST_OVERDUE, TABLE, limit)? {
        let found = super::get(turn, id)?;
        let event = Event::DeadlinePassed;
        // No back-off follows a deadline: there is nothing to draw for.
        if let Ok(change) = transition(&found.standing, event, turn.now, Jitter(0)) {
            apply(turn, &found, (event, &change), Report::default())?;
            moved += 1;
        }
    }
    Ok(Tick {
        moved,
        ended: Vec::new(),
    })
}
