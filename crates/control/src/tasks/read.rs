//! Reads a task.

use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::TaskRecord;

use crate::app::App;
use crate::http::error::{no_task, unavailable};

/// The task as it is stored.
pub(crate) async fn task(
    app: &App,
    namespace: &Namespace,
    id: TaskId,
) -> Result<TaskRecord, ApiError> {
    let task = app
        .store
        .get_task(namespace, id)
        .await
        .map_err(unavailable)?;
    task.ok_or_else(|| no_task(id))
}
