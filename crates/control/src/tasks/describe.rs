//! Tasks in the words of the wire.

use taskpilot_api::bindings::BindError;
use taskpilot_api::json::JsonText;
use taskpilot_api::tasks::Task;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::TaskRecord;

/// A task as it is told.
pub(crate) fn task(record: TaskRecord) -> Result<Task, ApiError> {
    Ok(Task {
        id: record.id,
        r#type: record.kind,
        title: record.title,
        labels: record.labels,
        payload: JsonText::from_text(record.payload.as_ref()).map_err(ApiError::fault)?,
        status: record.status,
        scheduler_task_id: record.execution,
        version: u64::try_from(record.version).map_err(ApiError::fault)?,
        created_at: record.created_at,
        updated_at: record.updated_at,
        cloned_from: record.cloned_from,
        parent_task_id: record.parent,
        bind_error: record.bind_error.map(|error| BindError {
            code: error.code,
            detail: error.detail,
        }),
    })
}
