//! Latencies over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use taskpilot_api::latency::{StopLatencies, StopLatencyQuery};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::Query;

use crate::app::App;
use crate::latency::stops;

/// How long stops took to their stages, by type.
#[utoipa::path(
    get, path = "/api/latency/stops", operation_id = "list_stop_latencies", tag = "latency",
    params(StopLatencyQuery),
    responses((status = 200, body = StopLatencies, description = "The latencies.")),
)]
pub(super) async fn list_stop_latencies(
    State(app): State<Arc<App>>,
    context: RequestContext,
    Query(query): Query<StopLatencyQuery>,
) -> Result<Json<StopLatencies>, ApiError> {
    stops(&app, &context, query).await.map(Json)
}
