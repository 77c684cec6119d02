//! Executions of tasks over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use taskpilot_api::executions::{
    CancelBody, ExecutionItem, ExecutionView, ListExecutionsOfAll, ReleaseBody,
};
use taskpilot_api::page::Page;
use taskpilot_api::schema::Id;
use taskpilot_domain::ids::TaskId;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::{IfNoneMatch, JsonBody, OptionalJsonBody, PathId, Patience, Query};
use taskpilot_server::waiting::Seat;

use crate::app::App;
use crate::executions::cancel::{self, Canceled, Wish};
use crate::executions::{change, list, release};

type AppState = State<Arc<App>>;

/// Reads how the execution of a task stands. With `Prefer: wait` the answer waits until it differs
/// from what `If-None-Match` names, or from what it is now, if the scheduler can.
#[utoipa::path(
    get, path = "/api/tasks/{id}/execution", operation_id = "get_task_execution",
    tag = "executions",
    params(
        ("id" = Id, Path, description = "The task."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what was read before."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, at most 60 seconds."),
    ),
    responses(
        (status = 200, body = ExecutionView, description = "Its execution.",
            headers(("ETag" = String, description = "It changes with whatever is told."))),
        (status = 304, description = "It is as it was read before; with a wait that was applied, all the time."),
    ),
)]
pub(super) async fn get_task_execution(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<TaskId>,
    IfNoneMatch(known): IfNoneMatch,
    patience: Patience,
) -> Result<Response, ApiError> {
    let known = known.as_ref();
    let Some((wait, seat)) = patience.sit_down() else {
        return Ok(change::look(&app, &context, id).await?.answer(known));
    };
    let seen = tokio::select! {
        seen = change::seen(&app, &context, id, (known, wait)) => seen?,
        () = seat.closing() => return Ok(change::look(&app, &context, id).await?.answer(known)),
    };
    let mut response = seen.last.answer(known);
    let applied = patience.applied().filter(|_| seen.honoured);
    response.headers_mut().extend(applied);
    Ok(response)
}

/// Cancels the execution of a task; repeatable. The verdict is final, and with `Prefer: wait` the
/// answer waits for the end of the work.
#[utoipa::path(
    put, path = "/api/tasks/{id}/execution/cancel", operation_id = "cancel_task_execution",
    tag = "executions",
    params(
        ("id" = Id, Path, description = "The task."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, at most 60 seconds."),
    ),
    request_body = Option<CancelBody>,
    responses(
        (status = 204, description = "Canceled; with a wait that was applied, the stop is settled."),
        (status = 202, body = ExecutionView, description = "Canceled, and the stop is not settled yet."),
    ),
)]
pub(super) async fn cancel_task_execution(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<TaskId>,
    patience: Patience,
    OptionalJsonBody(body): OptionalJsonBody<CancelBody>,
) -> Result<Response, ApiError> {
    let body = body.resolve()?;
    let (wait, seat) = patience.sit_down().unzip();
    let wish = |wait| Wish {
        reason: body.reason.clone(),
        cascade: body.cascade,
        wait,
    };
    let canceled = tokio::select! {
        canceled = cancel::cancel(&app, &context, id, wish(wait)) => canceled?,
        // Who waited is told the verdict: asked for again, it is the same and comes at once.
        () = closing(seat.as_ref()) => cancel::cancel(&app, &context, id, wish(None)).await?,
    };
    Ok(answer(&canceled, &patience))
}

/// A verdict alone does not honour the wish to wait, and does not say that it did.
fn answer(canceled: &Canceled, patience: &Patience) -> Response {
    let (mut response, honoured) = match canceled {
        Canceled::Decided => (StatusCode::NO_CONTENT.into_response(), false),
        Canceled::Settled => (StatusCode::NO_CONTENT.into_response(), true),
        Canceled::Open { view, honoured } => (
            (StatusCode::ACCEPTED, Json(view)).into_response(),
            *honoured,
        ),
    };
    let applied = patience.applied().filter(|_| honoured);
    response.headers_mut().extend(applied);
    response
}

/// Never for a call that does not wait: its deadline is within the time to drain.
async fn closing(seat: Option<&Seat>) {
    match seat {
        Some(seat) => seat.closing().await,
        None => std::future::pending().await,
    }
}

/// Frees what the stop of a task's execution holds, if it is STUCK or ABANDONED: slot, place in the
/// queue, and the way to the next attempt. The work may still run. Repeatable; who released it first
/// stands.
#[utoipa::path(
    put, path = "/api/tasks/{id}/execution/release-stuck", operation_id = "release_stuck",
    tag = "executions",
    params(("id" = Id, Path, description = "The task.")),
    request_body = ReleaseBody,
    responses((status = 200, body = ExecutionView, description = "Released, now or before.")),
)]
pub(super) async fn release_stuck(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<TaskId>,
    JsonBody(body): JsonBody<ReleaseBody>,
) -> Result<Json<ExecutionView>, ApiError> {
    let body = body.resolve()?;
    release::release(&app, &context, id, body).await.map(Json)
}

/// Lists the executions of the scheduler, newest first, each with its task.
#[utoipa::path(
    get, path = "/api/executions", operation_id = "list_executions", tag = "executions",
    params(ListExecutionsOfAll),
    responses((status = 200, body = Page<ExecutionItem>, description = "A page.")),
)]
pub(super) async fn list_executions(
    State(app): AppState,
    context: RequestContext,
    Query(query): Query<ListExecutionsOfAll>,
) -> Result<Json<Page<ExecutionItem>>, ApiError> {
    list::list(&app, &context, query).await.map(Json)
}
