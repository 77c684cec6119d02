//! The one function that decides what an event does to the binding of a task.

use super::status::TaskStatus;
use crate::ids::ExecutionId;

/// What happens to a binding.
///
/// An answer of the scheduler is one about the binding key in force: whoever applies the change
/// compares that key too, so that the answer to an earlier key changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindingEvent {
    /// A caller wants the task bound.
    BindRequested,
    /// The scheduler answered the create with this execution.
    Accepted(ExecutionId),
    /// The scheduler refused the create for good.
    Refused,
    /// A caller withdraws the task.
    Withdrawn,
}

impl BindingEvent {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::BindRequested => "BindRequested",
            Self::Accepted(_) => "Accepted",
            Self::Refused => "Refused",
            Self::Withdrawn => "Withdrawn",
        }
    }
}

/// What an event does to a task with some status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingChange {
    /// The status moves.
    Moved(TaskStatus),
    /// It stands as it is, and the caller is told success.
    Unchanged,
    /// It stands as it is, and the caller is told of a conflict.
    Conflict,
    /// Two executions claim to be the task's: an invariant is broken.
    Alarm,
}

/// Decides what `event` does to a task; `bound_to` is its execution where it is bound.
pub fn advance(
    status: TaskStatus,
    bound_to: Option<ExecutionId>,
    event: BindingEvent,
) -> BindingChange {
    match (status, event) {
        (TaskStatus::Pending, BindingEvent::BindRequested) => {
            BindingChange::Moved(TaskStatus::Binding)
        }
        (TaskStatus::Pending, BindingEvent::Withdrawn) => {
            BindingChange::Moved(TaskStatus::Canceled)
        }
        (TaskStatus::Binding, BindingEvent::Accepted(_)) => BindingChange::Moved(TaskStatus::Bound),
        (TaskStatus::Binding, BindingEvent::Refused) => BindingChange::Moved(TaskStatus::Pending),
        (TaskStatus::Bound, BindingEvent::Accepted(execution)) if bound_to != Some(execution) => {
            BindingChange::Alarm
        }
        (TaskStatus::Binding | TaskStatus::Bound, BindingEvent::BindRequested)
        | (TaskStatus::Bound, BindingEvent::Accepted(_) | BindingEvent::Refused)
        | (TaskStatus::Pending, BindingEvent::Refused)
        | (TaskStatus::Canceled, BindingEvent::Withdrawn) => BindingChange::Unchanged,
        (TaskStatus::Canceled, BindingEvent::BindRequested)
        | (TaskStatus::Binding | TaskStatus::Bound, BindingEvent::Withdrawn) => {
            BindingChange::Conflict
        }
        (TaskStatus::Pending | TaskStatus::Canceled, BindingEvent::Accepted(_))
        | (TaskStatus::Canceled, BindingEvent::Refused) => BindingChange::Alarm,
    }
}
