//! Keeps the last word of an attempt whose execution would be owed a cleanup.

use std::collections::HashSet;

use taskpilot_store::rows::sessions::SaidProgress;
use taskpilot_store::rows::stops::Held;

use crate::failure::Failure;
use crate::scheduler::executions;
use crate::scheduler::turn::Turn;

static PUT: &str = include_str!("../../../sql/scheduler/cleanups/put_progress.sql");

/// Keeps what was said of attempts that are the session's own. All others cost nothing: a heartbeat
/// writes one row.
pub(in crate::scheduler) fn keep(
    turn: &mut Turn<'_>,
    said: &[SaidProgress],
    own: &HashSet<Held>,
) -> Result<(), Failure> {
    if turn.memory.cleanups.is_empty() {
        return Ok(());
    }
    for word in said.iter().filter(|word| own.contains(&word.attempt)) {
        let (execution, attempt) = word.attempt;
        let found = executions::get(turn, execution)?;
        let kind = found.kind.map(|kind| (found.namespace, kind));
        if kind
            .and_then(|kind| turn.memory.cleanups.terms(kind))
            .is_some()
        {
            let now = turn.now.as_millis();
            let row = (execution.get(), attempt.0, now, word.percent, &word.message);
            turn.statement(PUT)?.execute(row)?;
        }
    }
    Ok(())
}
