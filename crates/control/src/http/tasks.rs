//! Tasks over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use taskpilot_api::page::Page;
use taskpilot_api::schema::Id;
use taskpilot_api::tasks::{CreateTask, ListTasks, Task, TaskItem, WithdrawBody};
use taskpilot_domain::ids::TaskId;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::{Idempotency, JsonBody, OptionalJsonBody, PathId, Query};

use crate::app::App;
use crate::tasks::{create, describe, list, read, withdraw};

type AppState = State<Arc<App>>;

/// Creates a task, and binds it where that is asked for. With a key it is repeatable.
#[utoipa::path(
    post, path = "/api/tasks", operation_id = "create_task", tag = "tasks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the create repeatable.")),
    request_body = CreateTask,
    responses((status = 201, body = Task, description = "Created, now or before: the task as it is.",
        headers(("Location" = String, description = "The path of the task.")))),
)]
pub(super) async fn create_task(
    State(app): AppState,
    context: RequestContext,
    Idempotency(key): Idempotency,
    JsonBody(body): JsonBody<CreateTask>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Task>), ApiError> {
    let record = create::create(&app, &context, key, body).await?;
    let location = format!("/api/tasks/{}", record.id);
    let task = describe::task(record)?;
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(task),
    ))
}

/// Lists tasks, newest first, each with how its execution stands.
#[utoipa::path(
    get, path = "/api/tasks", operation_id = "list_tasks", tag = "tasks",
    params(ListTasks),
    responses((status = 200, body = Page<TaskItem>, description = "A page.")),
)]
pub(super) async fn list_tasks(
    State(app): AppState,
    context: RequestContext,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Page<TaskItem>>, ApiError> {
    let query = ListTasks::from_pairs(pairs).map_err(ApiError::invalid_query)?;
    list::list(&app, &context, query).await.map(Json)
}

/// Reads a task.
#[utoipa::path(
    get, path = "/api/tasks/{id}", operation_id = "get_task", tag = "tasks",
    params(("id" = Id, Path, description = "The task.")),
    responses((status = 200, body = Task, description = "The task.")),
)]
pub(super) async fn get_task(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<TaskId>,
) -> Result<Json<Task>, ApiError> {
    let record = read::task(&app, &context.namespace, id).await?;
    describe::task(record).map(Json)
}

/// Withdraws a task that is not bound yet; repeatable.
#[utoipa::path(
    put, path = "/api/tasks/{id}/cancel", operation_id = "withdraw_task", tag = "tasks",
    params(("id" = Id, Path, description = "The task.")),
    request_body = Option<WithdrawBody>,
    responses((status = 204, description = "It is withdrawn, now or before.")),
)]
pub(super) async fn withdraw_task(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<TaskId>,
    OptionalJsonBody(WithdrawBody {}): OptionalJsonBody<WithdrawBody>,
) -> Result<StatusCode, ApiError> {
    withdraw::withdraw(&app, &context.namespace, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
