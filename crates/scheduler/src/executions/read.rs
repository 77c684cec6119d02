//! Reads one execution.

use taskpilot_api::errors::ErrorCode;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::executions::ExecutionRecord;

use crate::app::App;
use crate::http::error::unavailable;

/// The execution, if it is one of the namespace.
pub(crate) async fn read(
    app: &App,
    namespace: &Namespace,
    id: ExecutionId,
) -> Result<ExecutionRecord, ApiError> {
    let record = app.store.get_execution(namespace, id).await;
    record.map_err(unavailable)?.ok_or_else(|| {
        let detail = format!("there is no execution {id}");
        ApiError::new(ErrorCode::ExecutionNotFound, detail)
    })
}
