//! Begins a binding, and guards what must not be sent twice.

use taskpilot_domain::binding::{BindingChange, BindingEvent, TaskStatus, advance};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::{IdempotencyKey, Namespace};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::bindings::{BeginBindingOutcome, BindingRequest};
use taskpilot_store::rows::tasks::TaskRecord;

use super::{find_under, insert, of, save};
use crate::control::tasks;
use crate::failure::Failure;
use crate::transaction::Tx;

/// About what a request keeps in memory and writes.
pub(in crate::control) fn bytes(request: &BindingRequest) -> usize {
    256 + request.extended.len() + request.plain.len()
}

/// Commits the request that is first; every later one is told what that was.
pub(in crate::control) fn begin(
    tx: &Tx<'_>,
    now: Timestamp,
    (namespace, id): (&Namespace, TaskId),
    request: &BindingRequest,
) -> Result<BeginBindingOutcome, Failure> {
    let Some(task) = tasks::find_in(tx, namespace, id)? else {
        return Ok(BeginBindingOutcome::Missing);
    };
    Ok(
        match advance(task.status, task.execution, BindingEvent::BindRequested) {
            BindingChange::Moved(status) => {
                let binding = insert(tx, now, &task, request)?;
                let begun = TaskRecord {
                    status,
                    binding_key: Some(request.key.as_str().into()),
                    bind_error: None,
                    ..task
                };
                tasks::save(tx, now, begun)?;
                BeginBindingOutcome::Begun(binding)
            }
            BindingChange::Unchanged if task.status == TaskStatus::Bound => {
                BeginBindingOutcome::Bound(task)
            }
            BindingChange::Unchanged => BeginBindingOutcome::InProgress(of(tx, id)?),
            BindingChange::Conflict | BindingChange::Alarm => BeginBindingOutcome::Withdrawn,
        },
    )
}

/// `true` once per binding: the plain body may go out now, and never again.
pub(in crate::control) fn mark_plain_sent(
    tx: &Tx<'_>,
    now: Timestamp,
    id: TaskId,
    key: &IdempotencyKey,
) -> Result<bool, Failure> {
    let Some(mut binding) = find_under(tx, id, key)? else {
        return Ok(false);
    };
    if binding.record.plain_sent_at.is_some() || binding.record.execution.is_some() {
        return Ok(false);
    }
    binding.record.plain_sent_at = Some(now);
    save(tx, &binding)?;
    Ok(true)
}
