//! Changes what an operator set for a queue.

use rusqlite::params;
use taskpilot_domain::names::PrincipalName;
use taskpilot_domain::queue::{MaxRunning, QueueSettings};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::queues::{QueueOutcome, QueueRecord, QueueRequest};

use super::queue::get;
use crate::failure::Failure;
use crate::scheduler::codes::Coded;
use crate::scheduler::turn::Turn;

static STEER: &str = include_str!("../../../sql/scheduler/queues/steer.sql");

/// Applies a change to a queue, which is given a number if it has none.
pub(in crate::scheduler) fn steer(
    turn: &mut Turn<'_>,
    request: &QueueRequest,
) -> Result<QueueOutcome, Failure> {
    let names = &mut turn.memory.names;
    let namespace = names.namespace(turn.tx, &request.namespace)?;
    let id = names.queue(turn.tx, namespace, &request.name)?;
    // What this transaction has moved so far, so that the answer tells it.
    turn.memory.queues.write(turn.tx)?;
    let before = get(turn.tx, id)?;
    let settings = before.settings.after(&request.change, turn.now);
    let changed = settings != before.settings;
    if changed {
        write(turn, id, &settings)?;
        let held = before.counts.held();
        turn.memory.queues.set(id, settings.rule(), held);
    }
    let queue = QueueRecord { settings, ..before };
    Ok(QueueOutcome { changed, queue })
}

fn write(turn: &mut Turn<'_>, id: i64, settings: &QueueSettings) -> Result<(), Failure> {
    let (pause, last) = (settings.pause.as_ref(), settings.last_change.as_ref());
    turn.statement(STEER)?.execute(params![
        id,
        settings.max_running.map(MaxRunning::get),
        pause.map(|pause| pause.at).map(Timestamp::as_millis),
        pause.map(|pause| &pause.by).map(PrincipalName::as_str),
        pause.and_then(|pause| pause.reason.as_deref()),
        last.map(|last| last.what.code()),
        last.map(|last| last.at.as_millis()),
        last.map(|last| last.by.as_str()),
        last.and_then(|last| last.reason.as_deref()),
    ])?;
    Ok(())
}
