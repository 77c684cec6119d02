//! All routes of the control plane.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use taskpilot_server::edge::Edge;
use taskpilot_server::openapi::{completed, to_json};
use taskpilot_server::permission::Permission;
use taskpilot_server::routes::{Route, RouteInfo, Table};
use utoipa::OpenApi;

use super::{bindings, cancellations, executions, health, latency, queues, tasks, workers};
use crate::app::App;

const READ: Permission = Permission::TasksRead;
const WRITE: Permission = Permission::TasksWrite;
const LOOK: Permission = Permission::ExecutionsRead;
const CANCEL: Permission = Permission::ExecutionsCancel;
const OPERATE: Permission = Permission::OperationsRead;
const STEER: Permission = Permission::OperationsWrite;
const EVERYBODY: Permission = Permission::Everybody;

#[rustfmt::skip]
fn table() -> Table<Arc<App>> {
    use {bindings as b, cancellations as c, executions as e, health as h, latency as l, queues as q, tasks as t, workers as w};
    Table::new([
        Route::post("/api/tasks", "create_task", WRITE, t::create_task),
        Route::post("/api/tasks/batch", "create_tasks", WRITE, t::create_tasks),
        Route::get("/api/tasks", "list_tasks", READ, t::list_tasks).with_query(),
        Route::get("/api/tasks/{id}", "get_task", READ, t::get_task),
        Route::patch("/api/tasks/{id}", "edit_task", WRITE, t::edit_task),
        Route::delete("/api/tasks/{id}", "delete_task", WRITE, t::delete_task),
        Route::post("/api/tasks/{id}/clone", "clone_task", WRITE, t::clone_task),
        Route::put("/api/tasks/{id}/cancel", "withdraw_task", WRITE, t::withdraw_task),
        Route::post("/api/tasks/{id}/scheduler", "bind_task", WRITE, b::bind_task),
        Route::get("/api/tasks/{id}/execution", "get_task_execution", LOOK, e::get_task_execution).waits(),
        Route::put("/api/tasks/{id}/execution/cancel", "cancel_task_execution", CANCEL, e::cancel_task_execution).waits(),
        Route::put("/api/tasks/{id}/execution/release-stuck", "release_stuck", STEER, e::release_stuck),
        Route::get("/api/executions", "list_executions", LOOK, e::list_executions).with_query(),
        Route::post("/api/cancellations", "create_cancellation", CANCEL, c::create_cancellation),
        Route::get("/api/cancellations", "list_cancellations", LOOK, c::list_cancellations).with_query(),
        Route::get("/api/cancellations/{id}", "get_cancellation", LOOK, c::get_cancellation).waits(),
        Route::get("/api/cancellations/{id}/items", "list_cancellation_items", LOOK, c::list_cancellation_items).with_query(),
        Route::put("/api/cancellations/{id}/cancel", "cancel_cancellation", CANCEL, c::cancel_cancellation),
        Route::get("/api/queues", "list_queues", OPERATE, q::list_queues).with_query(),
        Route::put("/api/queues/{name}", "limit_queue", STEER, q::limit_queue),
        Route::put("/api/queues/{name}/pause", "pause_queue", STEER, q::pause_queue),
        Route::put("/api/queues/{name}/resume", "resume_queue", STEER, q::resume_queue),
        Route::get("/api/latency/stops", "list_stop_latencies", OPERATE, l::list_stop_latencies).with_query(),
        Route::get("/api/workers", "list_workers", OPERATE, w::list_workers),
        Route::get("/livez", "get_liveness", EVERYBODY, h::get_liveness),
        Route::get("/readyz", "get_readiness", EVERYBODY, h::get_readiness),
        Route::get("/openapi.json", "get_openapi", EVERYBODY, get_openapi),
    ])
}

/// What the routes say of themselves.
pub fn routes() -> Vec<RouteInfo> {
    table().infos()
}

/// The control plane as a service.
pub fn router(app: Arc<App>) -> Router {
    let edge = Edge::new(app.clock.clone(), app.shutdown.clone());
    table().into_router(app, edge)
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "TaskPilot",
        description = "The control plane: tasks, their bindings, and the executions of tasks."
    ),
    paths(
        tasks::create_task,
        tasks::create_tasks,
        tasks::list_tasks,
        tasks::get_task,
        tasks::edit_task,
        tasks::delete_task,
        tasks::clone_task,
        tasks::withdraw_task,
        bindings::bind_task,
        executions::get_task_execution,
        executions::cancel_task_execution,
        executions::release_stuck,
        executions::list_executions,
        cancellations::create_cancellation,
        cancellations::list_cancellations,
        cancellations::get_cancellation,
        cancellations::list_cancellation_items,
        cancellations::cancel_cancellation,
        queues::list_queues,
        queues::limit_queue,
        queues::pause_queue,
        queues::resume_queue,
        latency::list_stop_latencies,
        workers::list_workers,
        health::get_liveness,
        health::get_readiness,
        get_openapi,
    )
)]
struct Document;

/// The OpenAPI document of the control plane.
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
