//! Cancels that came while a task was binding: committed first, then carried out.

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::BINDING_OVERDUE_MS;
use taskpilot_domain::names::{IdempotencyKey, Namespace};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::bindings::{CancelIntent, IntendCancelOutcome};

use super::{delete, find, find_under, intents, save};
use crate::control::tasks::{self, dangling};
use crate::failure::Failure;
use crate::transaction::Tx;

/// The first intent stands, whoever repeats it and whatever became of it; later ones are kept beside it.
pub(in crate::control) fn intend(
    tx: &Tx<'_>,
    now: Timestamp,
    (namespace, id): (&Namespace, TaskId),
    intent: &CancelIntent,
) -> Result<IntendCancelOutcome, Failure> {
    let Some(task) = tasks::find_in(tx, namespace, id)? else {
        return Ok(IntendCancelOutcome::Missing);
    };
    match task.status {
        TaskStatus::Pending | TaskStatus::Canceled => return Ok(IntendCancelOutcome::Unbound),
        TaskStatus::Bound => return Ok(IntendCancelOutcome::Bound(task)),
        TaskStatus::Binding => {}
    }
    let mut binding = find(tx, id)?.ok_or_else(|| dangling("task", "status", id))?;
    let kept = intents::list(tx, id)?;
    let came_before = kept
        .into_iter()
        .find(|kept| is_same_call(&kept.cancel.intent, intent));
    let asked = if let Some(kept) = came_before {
        kept.cancel
    } else {
        // Whoever asked carries it out; should that fail, the reconciler does, even where the
        // binding itself waits for an operator.
        let overdue = now.plus_ms(BINDING_OVERDUE_MS);
        let next = binding.next_try_at.map_or(overdue, |at| at.min(overdue));
        binding.next_try_at = Some(next);
        binding.record.next_try_at = next;
        save(tx, &binding)?;
        intents::insert(tx, id, intent)?
    };
    let mut record = binding.record;
    record.cancels.retain(|owed| owed.number < asked.number);
    record.cancels.push(asked);
    Ok(IntendCancelOutcome::Intended(record))
}

/// A call that is repeated because its answer was lost.
fn is_same_call(kept: &CancelIntent, asked: &CancelIntent) -> bool {
    asked.request_id.is_some()
        && kept.request_id == asked.request_id
        && kept.requested_by == asked.requested_by
        && kept.reason == asked.reason
        && kept.cascade == asked.cascade
}

/// This one is owed no more; a binding that was only kept for its cancels goes with the last of them.
pub(in crate::control) fn settle(
    tx: &Tx<'_>,
    now: Timestamp,
    (id, key): (TaskId, &IdempotencyKey),
    number: u32,
) -> Result<(), Failure> {
    let Some(binding) = find_under(tx, id, key)? else {
        return Ok(());
    };
    intents::settle(tx, now, (id, number))?;
    let owed = binding.record.cancels.iter();
    let others = owed.filter(|owed| owed.number != number).count();
    if binding.record.execution.is_some() && others == 0 {
        return delete(tx, id, key);
    }
    Ok(())
}
