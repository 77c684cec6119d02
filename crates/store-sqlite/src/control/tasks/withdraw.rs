//! Withdraws a task that is not bound yet.

use taskpilot_domain::binding::{BindingChange, BindingEvent, advance};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::tasks::{TaskRecord, WithdrawOutcome};

use super::{find_in, save};
use crate::failure::Failure;
use crate::transaction::Tx;

/// Repeatable: what was withdrawn stays so.
pub(in crate::control) fn withdraw(
    tx: &Tx<'_>,
    now: Timestamp,
    namespace: &Namespace,
    id: TaskId,
) -> Result<WithdrawOutcome, Failure> {
    let Some(task) = find_in(tx, namespace, id)? else {
        return Ok(WithdrawOutcome::Missing);
    };
    Ok(
        match advance(task.status, task.execution, BindingEvent::Withdrawn) {
            BindingChange::Moved(status) => {
                save(tx, now, TaskRecord { status, ..task })?;
                WithdrawOutcome::Withdrawn
            }
            BindingChange::Unchanged => WithdrawOutcome::Withdrawn,
            BindingChange::Conflict | BindingChange::Alarm => {
                WithdrawOutcome::Conflict(task.status)
            }
        },
    )
}
