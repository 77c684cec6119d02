//! The parent of a task, which is bound before its children are.

use taskpilot_api::field::FieldError;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::TaskRecord;

use crate::app::App;
use crate::http::error::{parent_not_bound, unavailable};

/// The parent of a task that is to be created.
pub(crate) async fn of(
    app: &App,
    namespace: &Namespace,
    parent: TaskId,
) -> Result<TaskRecord, ApiError> {
    let found = app.store.get_task(namespace, parent).await;
    found.map_err(unavailable)?.ok_or_else(missing)
}

/// The execution that the create of a child names. Once there is one it stays.
pub(crate) fn execution(parent: &TaskRecord) -> Result<ExecutionId, ApiError> {
    parent.execution.ok_or_else(|| parent_not_bound(parent.id))
}

/// The same of a task that exists, if it has a parent: a parent is there as long as its children are.
pub(crate) async fn execution_of(
    app: &App,
    task: &TaskRecord,
) -> Result<Option<ExecutionId>, ApiError> {
    match task.parent {
        Some(parent) => execution(&of(app, &task.namespace, parent).await?).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn missing() -> ApiError {
    FieldError::new("parentTaskId", "there is no such task").into()
}
