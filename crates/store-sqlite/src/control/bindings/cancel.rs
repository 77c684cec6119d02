//! Cancels that came while a task was binding: committed first, then carried out.

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::BINDING_OVERDUE_MS;
use taskpilot_domain::names::{IdempotencyKey, Namespace};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::bindings::{CancelIntent, IntendCancelOutcome};

use super::{delete, find, find_under, save};
use crate::control::tasks::{self, dangling};
use crate::failure::Failure;
use crate::transaction::Tx;

/// The first intent stands, whoever repeats it and whatever became of it; but a later one may say that
/// it is about what is below, too.
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
    let stands = binding.record.cancel.take();
    let is_new = match &stands {
        None => true,
        Some(first) => intent.cascade && !first.cascade,
    };
    let first = stands.unwrap_or_else(|| intent.clone());
    binding.record.cancel = Some(CancelIntent {
        cascade: first.cascade || intent.cascade,
        ..first
    });
    if is_new {
        binding.cancel_settled_at = None;
        // Whoever asked carries it out; should that fail, the reconciler does, even where the
        // binding itself waits for an operator.
        let overdue = now.plus_ms(BINDING_OVERDUE_MS);
        let next = binding.next_try_at.map_or(overdue, |at| at.min(overdue));
        binding.next_try_at = Some(next);
        binding.record.next_try_at = next;
        save(tx, &binding)?;
    }
    Ok(IntendCancelOutcome::Intended(binding.record))
}

/// Nothing is owed any more; a binding that was only kept for its cancel goes.
pub(in crate::control) fn settle(
    tx: &Tx<'_>,
    now: Timestamp,
    (id, key): (TaskId, &IdempotencyKey),
) -> Result<(), Failure> {
    let Some(mut binding) = find_under(tx, id, key)? else {
        return Ok(());
    };
    if !binding.owes_cancel() {
        return Ok(());
    }
    if binding.record.execution.is_some() {
        return delete(tx, id, key);
    }
    binding.cancel_settled_at = Some(now);
    save(tx, &binding)
}
