//! Workers over HTTP, for people who look after them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use taskpilot_api::page::Page;
use taskpilot_api::workers::WorkerItem;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;

use crate::app::App;
use crate::workers;

/// Lists worker sessions: those that live, then those that ended last.
#[utoipa::path(
    get, path = "/api/workers", operation_id = "list_workers", tag = "workers",
    responses((status = 200, body = Page<WorkerItem>, description = "The sessions.")),
)]
pub(super) async fn list_workers(
    State(app): State<Arc<App>>,
    context: RequestContext,
) -> Result<Json<Page<WorkerItem>>, ApiError> {
    workers::list(&app, &context).await.map(Json)
}
