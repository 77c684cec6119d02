//! All routes of the scheduler.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use taskpilot_api::extensions::Extensions;
use taskpilot_api::headers::EXTENSIONS;
use taskpilot_server::context::Forwarding;
use taskpilot_server::edge::Edge;
use taskpilot_server::openapi::{completed, to_json};
use taskpilot_server::permission::Permission;
use taskpilot_server::routes::{Route, RouteInfo, Table};
use utoipa::OpenApi;

use super::{executions, health, latency, metrics, queues, workers};
use crate::app::App;

const USE: Permission = Permission::SchedulerUse;
const WORK: Permission = Permission::WorkersAct;
const OPERATE: Permission = Permission::OperationsRead;
const STEER: Permission = Permission::OperationsWrite;
const MEASURE: Permission = Permission::MetricsRead;
const EVERYBODY: Permission = Permission::Everybody;

#[rustfmt::skip]
fn table() -> Table<Arc<App>> {
    use {executions as e, health as h, latency as l, metrics as m, queues as q, workers as w};
    Table::new([
        Route::post("/tasks", "create_execution", USE, e::create_execution),
        Route::get("/tasks", "list_executions", USE, e::list_executions).with_query(),
        Route::post("/tasks/batch", "create_executions", USE, e::create_executions),
        Route::post("/tasks/cancel-batch", "cancel_executions", USE, e::cancel_executions),
        Route::get("/tasks/{id}", "get_execution", USE, e::get_execution).waits(),
        Route::put("/tasks/{id}/cancel", "cancel_execution", USE, e::cancel_execution).waits(),
        Route::put("/tasks/by-key/{key}/cancel", "cancel_execution_by_key", USE, e::cancel_execution_by_key).waits(),
        Route::put("/tasks/{id}/release-stuck", "release_stuck", STEER, e::release_stuck),
        Route::get("/queues", "list_queues", OPERATE, q::list_queues).with_query(),
        Route::put("/queues/{name}", "limit_queue", STEER, q::limit_queue),
        Route::put("/queues/{name}/pause", "pause_queue", STEER, q::pause_queue),
        Route::put("/queues/{name}/resume", "resume_queue", STEER, q::resume_queue),
        Route::get("/latency/stops", "list_stop_latencies", OPERATE, l::list_stop_latencies).with_query(),
        Route::post("/v1/workers", "register_worker", WORK, w::register_worker),
        Route::get("/v1/workers", "list_workers", OPERATE, w::list_workers),
        Route::post("/v1/workers/{id}/claims", "claim_attempts", WORK, w::claim_attempts).waits(),
        Route::post("/v1/workers/{id}/results", "finish_attempts", WORK, w::finish_attempts),
        Route::post("/v1/workers/{id}/starts", "confirm_starts", WORK, w::confirm_starts),
        Route::post("/v1/workers/{id}/stops", "report_stops", WORK, w::report_stops),
        Route::put("/v1/workers/{id}/heartbeat", "renew_worker", WORK, w::renew_worker),
        Route::get("/v1/workers/{id}/orders", "stream_orders", WORK, w::stream_orders).waits(),
        Route::delete("/v1/workers/{id}", "end_worker", WORK, w::end_worker),
        Route::get("/metrics", "get_metrics", MEASURE, m::get_metrics),
        Route::get("/livez", "get_liveness", EVERYBODY, h::get_liveness),
        Route::get("/readyz", "get_readiness", EVERYBODY, h::get_readiness),
        Route::get("/openapi.json", "get_openapi", EVERYBODY, get_openapi),
    ])
}

/// What the routes say of themselves.
pub fn routes() -> Vec<RouteInfo> {
    table().infos()
}

/// The scheduler as a service.
pub fn router(app: Arc<App>) -> Router {
    let mut edge = Edge::new(app.clock.clone(), app.shutdown.clone());
    edge.forwarding = Forwarding::Accepted;
    let announced = Extensions::all().to_header();
    if let Ok(value) = HeaderValue::from_str(&announced) {
        edge.response_headers
            .push((HeaderName::from_static(EXTENSIONS), value));
    }
    table().into_router(app, edge)
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "TaskPilot scheduler",
        description = "The execution plane: executions, and the worker protocol."
    ),
    paths(
        executions::create_execution,
        executions::list_executions,
        executions::create_executions,
        executions::cancel_executions,
        executions::get_execution,
        executions::cancel_execution,
        executions::cancel_execution_by_key,
        executions::release_stuck,
        queues::list_queues,
        queues::limit_queue,
        queues::pause_queue,
        queues::resume_queue,
        latency::list_stop_latencies,
        workers::register_worker,
        workers::list_workers,
        workers::claim_attempts,
        workers::finish_attempts,
        workers::confirm_starts,
        workers::report_stops,
        workers::renew_worker,
        workers::stream_orders,
        workers::end_worker,
        metrics::get_metrics,
        health::get_liveness,
        health::get_readiness,
        get_openapi,
    )
)]
struct Document;

/// The OpenAPI document of the scheduler.
pub fn openapi() -> utoipa::openapi::OpenApi {
    completed(Document::openapi())
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "get_openapi", tag = "service",
    responses((status = 200, content_type = "application/json", body = String,
        description = "The OpenAPI document.")),
)]
async fn get_openapi() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        to_json(&openapi()),
    )
}
