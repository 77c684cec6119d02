//! What stands in the way of a call, as answers: the store, or the status of the task.

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::problem::Outcome;
use taskpilot_domain::ids::TaskId;
use taskpilot_server::error::ApiError;
use taskpilot_store::StoreError;

/// A store that cannot serve: 503 where a repeat may help, and whether this call may have been
/// applied.
pub(crate) fn unavailable(error: StoreError) -> ApiError {
    let outcome = if error.may_be_applied() {
        Outcome::Unknown
    } else {
        Outcome::NotApplied
    };
    let answer = match &error {
        StoreError::Overloaded => ApiError::new(ErrorCode::Overloaded, "too much waits already"),
        StoreError::Unavailable { .. } | StoreError::Unknown { .. } => {
            ApiError::new(ErrorCode::StorageUnavailable, "the store does not serve")
        }
        StoreError::Corrupt { .. } => return ApiError::fault(error),
    };
    answer.outcome(outcome).caused_by(error)
}

pub(crate) fn no_task(id: TaskId) -> ApiError {
    ApiError::new(ErrorCode::TaskNotFound, format!("There is no task {id}."))
}

pub(crate) fn not_bound() -> ApiError {
    ApiError::new(
        ErrorCode::TaskNotBound,
        "Task is not bound to scheduler yet.",
    )
}

pub(crate) fn binding() -> ApiError {
    let detail = "Task is being bound; cancel its execution instead.";
    ApiError::new(ErrorCode::TaskBinding, detail)
}

pub(crate) fn bound() -> ApiError {
    let detail = "Task is bound; cancel its execution instead.";
    ApiError::new(ErrorCode::TaskBound, detail)
}

pub(crate) fn withdrawn() -> ApiError {
    let detail = "Task was withdrawn and cannot be bound.";
    ApiError::new(ErrorCode::TaskCanceled, detail)
}

pub(crate) fn stale() -> ApiError {
    let detail = "Task has changed since that version; read it again.";
    ApiError::new(ErrorCode::PreconditionFailed, detail)
}

pub(crate) fn undeletable() -> ApiError {
    let detail = "Task is being bound and cannot be deleted meanwhile.";
    ApiError::new(ErrorCode::TaskBinding, detail)
}

pub(crate) fn has_children() -> ApiError {
    let detail = "Other tasks belong to the task; delete them first.";
    ApiError::new(ErrorCode::TaskHasChildren, detail)
}

pub(crate) fn parent_not_bound(parent: TaskId) -> ApiError {
    let detail = format!("Its parent, task {parent}, is not bound yet; bind that one first.");
    ApiError::new(ErrorCode::ParentNotBound, detail)
}

pub(crate) fn running() -> ApiError {
    let detail = "The execution of the task has not ended; cancel it first.";
    ApiError::new(ErrorCode::TaskRunning, detail)
}
