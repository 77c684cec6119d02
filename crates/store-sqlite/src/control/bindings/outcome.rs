//! What the scheduler answered to a create: accepted, refused for good, or not yet.

use taskpilot_domain::binding::{BindingChange, BindingEvent, TaskStatus, advance};
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::IdempotencyKey;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::control::BindingFailure;
use taskpilot_store::rows::bindings::{BindError, FinishBindingOutcome};
use taskpilot_store::rows::tasks::TaskRecord;

use super::{delete, find_under, save};
use crate::control::tasks;
use crate::failure::Failure;
use crate::transaction::Tx;

/// `BOUND` by compare-and-set on the key in force.
pub(in crate::control) fn finish(
    tx: &Tx<'_>,
    now: Timestamp,
    (id, key): (TaskId, &IdempotencyKey),
    execution: ExecutionId,
) -> Result<FinishBindingOutcome, Failure> {
    let Some(task) = tasks::find(tx, id)? else {
        return Ok(FinishBindingOutcome::Missing);
    };
    let alarm = FinishBindingOutcome::Alarm {
        stored: task.execution,
    };
    if !is_in_force(&task, key) {
        return Ok(alarm);
    }
    let event = BindingEvent::Accepted(execution);
    Ok(match advance(task.status, task.execution, event) {
        BindingChange::Moved(status) => {
            let bound = TaskRecord {
                status,
                execution: Some(execution),
                bind_error: None,
                ..task
            };
            let bound = tasks::save(tx, now, bound)?;
            end(tx, now, id, key)?;
            FinishBindingOutcome::Bound(bound)
        }
        BindingChange::Unchanged => FinishBindingOutcome::Bound(task),
        BindingChange::Conflict | BindingChange::Alarm => alarm,
    })
}

/// The row goes, unless a cancel is still owed: then the reconciler carries it out at once.
fn end(tx: &Tx<'_>, now: Timestamp, id: TaskId, key: &IdempotencyKey) -> Result<(), Failure> {
    match find_under(tx, id, key)? {
        Some(mut binding) if binding.owes_cancel() => {
            binding.next_try_at = Some(now);
            save(tx, &binding)
        }
        Some(_) | None => delete(tx, id, key),
    }
}

/// Keeps why the last try came to nothing, and when to look again.
pub(in crate::control) fn note_failure(
    tx: &Tx<'_>,
    now: Timestamp,
    (id, key): (TaskId, &IdempotencyKey),
    failure: &BindingFailure,
) -> Result<(), Failure> {
    let Some(mut binding) = find_under(tx, id, key)? else {
        return Ok(());
    };
    binding.record.tries = binding.record.tries.saturating_add(1);
    binding.next_try_at = failure.next_try_at;
    let task = tasks::find(tx, id)?.filter(|task| task.status == TaskStatus::Binding);
    if let Some(task) = task {
        if failure.refused {
            binding.record.refused = Some(failure.error.clone());
        }
        // Another failure of the same kind is nothing new to whoever watches the version.
        if task.bind_error.as_ref() != Some(&failure.error) {
            let failed = TaskRecord {
                bind_error: Some(failure.error.clone()),
                ..task
            };
            tasks::save(tx, now, failed)?;
        }
    }
    save(tx, &binding)
}

/// The task is free again, if this key is still the one that was refused.
pub(in crate::control) fn abandon(
    tx: &Tx<'_>,
    now: Timestamp,
    (id, key): (TaskId, &IdempotencyKey),
    error: &BindError,
) -> Result<(), Failure> {
    let task = tasks::find(tx, id)?.filter(|task| is_in_force(task, key));
    let Some(task) = task else {
        return Ok(());
    };
    match advance(task.status, task.execution, BindingEvent::Refused) {
        BindingChange::Moved(status) => {
            let freed = TaskRecord {
                status,
                bind_error: Some(error.clone()),
                ..task
            };
            tasks::save(tx, now, freed)?;
            delete(tx, id, key)
        }
        BindingChange::Unchanged | BindingChange::Conflict | BindingChange::Alarm => Ok(()),
    }
}

fn is_in_force(task: &TaskRecord, key: &IdempotencyKey) -> bool {
    task.binding_key.as_deref() == Some(key.as_str())
}
