//! Tasks over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use taskpilot_api::page::Page;
use taskpilot_api::problem::Problem;
use taskpilot_api::schema::Id;
use taskpilot_api::tasks::{
    BatchAnswer, CloneTask, CreateBatch, CreateTask, ListTasks, PatchTask, Task, TaskItem,
    WithdrawBody,
};
use taskpilot_domain::ids::TaskId;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::{
    Idempotency, IfMatch, JsonBody, KeyPerItem, OptionalJsonBody, PatchBody, PathId, Query, Room,
};
use taskpilot_store::rows::tasks::TaskRecord;

use crate::app::App;
use crate::tasks::{batch, clone, create, delete, describe, edit, list, read, withdraw};

type AppState = State<Arc<App>>;

/// Creates a task, and binds it where that is asked for. With a key it is repeatable.
#[utoipa::path(
    post, path = "/api/tasks", operation_id = "create_task", tag = "tasks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the create repeatable.")),
    request_body = CreateTask,
    responses((status = 201, body = Task, description = "Created, now or before: the task as it is.",
        headers(
            ("Location" = String, description = "The path of the task."),
            ("ETag" = String, description = "Its version, for `If-Match`."),
        ))),
)]
pub(super) async fn create_task(
    State(app): AppState,
    context: RequestContext,
    _room: Room,
    Idempotency(key): Idempotency,
    JsonBody(body): JsonBody<CreateTask>,
) -> Result<Response, ApiError> {
    created(create::create(&app, &context, key, body).await?)
}

/// Creates the same work again, as a task of its own. With a key it is repeatable.
#[utoipa::path(
    post, path = "/api/tasks/{id}/clone", operation_id = "clone_task", tag = "tasks",
    params(
        ("id" = Id, Path, description = "The task that is cloned."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the clone repeatable."),
    ),
    request_body = Option<CloneTask>,
    responses((status = 201, body = Task, description = "Created, now or before: the new task as it is.",
        headers(
            ("Location" = String, description = "The path of the new task."),
            ("ETag" = String, description = "Its version, for `If-Match`."),
        ))),
)]
pub(super) async fn clone_task(
    State(app): AppState,
    (context, _room): (RequestContext, Room),
    PathId(id): PathId<TaskId>,
    Idempotency(key): Idempotency,
    OptionalJsonBody(body): OptionalJsonBody<CloneTask>,
) -> Result<Response, ApiError> {
    created(clone::clone(&app, &context, id, (key, body)).await?)
}

fn created(record: TaskRecord) -> Result<Response, ApiError> {
    let location = format!("/api/tasks/{}", record.id);
    let told = tagged(record)?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], told).into_response())
}

/// Creates up to 1,000 tasks, and binds those for which that is asked for; each stands or falls
/// alone, and is repeatable where it has a key. The header `Idempotency-Key` is refused here.
#[utoipa::path(
    post, path = "/api/tasks/batch", operation_id = "create_tasks", tag = "tasks",
    request_body = CreateBatch,
    responses((status = 200, body = Page<BatchAnswer>, description = "One answer per item, in their order.")),
)]
pub(super) async fn create_tasks(
    State(app): AppState,
    context: RequestContext,
    _room: Room,
    _keyless: KeyPerItem,
    JsonBody(body): JsonBody<CreateBatch>,
) -> Result<Json<Page<BatchAnswer>>, ApiError> {
    let outcomes = batch::create(&app, &context, body.resolve()?).await?;
    let outcomes = outcomes.into_iter();
    let items = outcomes.map(|outcome| answer(&context, outcome)).collect();
    Ok(Json(Page { items, next: None }))
}

/// What a single create would have been answered.
fn answer(context: &RequestContext, outcome: Result<TaskRecord, ApiError>) -> BatchAnswer {
    match outcome.and_then(describe::task) {
        Ok(task) => BatchAnswer {
            status: StatusCode::CREATED.as_u16(),
            task: Some(task),
            problem: None,
        },
        Err(error) => {
            let problem = Problem {
                instance: "/api/tasks/batch".to_owned(),
                request_id: context.request_id.clone(),
                ..error.problem()
            };
            BatchAnswer {
                status: problem.status,
                task: None,
                problem: Some(problem),
            }
        }
    }
}

/// A task under the tag of its version.
fn tagged(record: TaskRecord) -> Result<Response, ApiError> {
    let task = describe::task(record)?;
    let tag = format!("\"{}\"", edit::tag(task.version));
    Ok(([(header::ETAG, tag)], Json(task)).into_response())
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
    responses((status = 200, body = Task, description = "The task.",
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))),
)]
pub(super) async fn get_task(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<TaskId>,
) -> Result<Response, ApiError> {
    let record = read::task(&app, &context.namespace, id).await?;
    tagged(record)
}

/// Changes title and labels by a merge patch (RFC 7396), if the task is still as it was read.
#[utoipa::path(
    patch, path = "/api/tasks/{id}", operation_id = "edit_task", tag = "tasks",
    params(
        ("id" = Id, Path, description = "The task."),
        ("If-Match" = String, Header, description = "The `ETag` that was read, or `*` for any."),
    ),
    request_body(content(
        (PatchTask = "application/merge-patch+json"),
        (PatchTask = "application/json"),
    )),
    responses((status = 200, body = Task, description = "The task as it is now; without a change it keeps its version.",
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))),
)]
pub(super) async fn edit_task(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<TaskId>,
    IfMatch(seen): IfMatch,
    PatchBody(patch): PatchBody<PatchTask>,
) -> Result<Response, ApiError> {
    let record = edit::edit(&app, (&context.namespace, id), seen, patch).await?;
    tagged(record)
}

/// Deletes a task that is not bound, or whose execution has ended; repeatable.
#[utoipa::path(
    delete, path = "/api/tasks/{id}", operation_id = "delete_task", tag = "tasks",
    params(("id" = Id, Path, description = "The task.")),
    responses((status = 204, description = "It is gone, now or before.")),
)]
pub(super) async fn delete_task(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<TaskId>,
) -> Result<StatusCode, ApiError> {
    delete::delete(&app, &context, id).await?;
    Ok(StatusCode::NO_CONTENT)
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
