//! Latencies over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use taskpilot_api::latency::{StopCounts, StopLatencyQuery};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::Query;

use crate::app::App;
use crate::latency::stops;

/// What was counted of the stages of stops.
#[utoipa::path(
    get, path = "/latency/stops", operation_id = "list_stop_latencies", tag = "latency",
    params(StopLatencyQuery),
    responses((status = 200, body = StopCounts, description = "The counts.")),
)]
pub(super) async fn list_stop_latencies(
    State(app): State<Arc<App>>,
    context: RequestContext,
    Query(query): Query<StopLatencyQuery>,
) -> Result<Json<StopCounts>, ApiError> {
    stops(&app, &context.namespace, query).await.map(Json)
}
