//! Executions over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use taskpilot_api::field::FieldError;
use taskpilot_api::page::Page;
use taskpilot_api::problem::Problem;
use taskpilot_api::scheduler::{
    BatchAnswer, CancelBatch, CancelExecution, CanceledBatch, CreateBatch, CreateExecution,
    Execution, KeyedCreate, ListExecutions, ReleaseStuck,
};
use taskpilot_api::schema::Id;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::IdempotencyKey;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::{
    Idempotency, IfNoneMatch, JsonBody, KeyPerItem, OptionalJsonBody, PathId, Patience, Query, Room,
};
use taskpilot_store::rows::executions::{CancelRequest, CancelTarget, ExecutionRecord};
use taskpilot_store::rows::stops::ReleaseRequest;

use crate::app::App;
use crate::executions::describe::told;
use crate::executions::{cancel, cancel_batch, change, create, list, release};

type AppState = State<Arc<App>>;

/// Accepts an execution. With a key it is repeatable.
#[utoipa::path(
    post, path = "/tasks", operation_id = "create_execution", tag = "executions",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the create repeatable.")),
    request_body = CreateExecution,
    responses((status = 201, body = Execution, description = "Accepted, now or before.")),
)]
pub(super) async fn create_execution(
    State(app): AppState,
    context: RequestContext,
    room: Room,
    Idempotency(idempotency_key): Idempotency,
    JsonBody(task): JsonBody<CreateExecution>,
) -> Result<Response, ApiError> {
    let create = KeyedCreate {
        idempotency_key,
        task,
    };
    let _turn = room.turn().await;
    let record = create::one(&app, context.namespace, create).await?;
    let location = format!("/tasks/{}", record.summary.id);
    let execution = told(&app, &record);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(execution),
    )
        .into_response())
}

/// Accepts up to 1,000 executions; each stands or falls alone, and is repeatable where it has a key. The
/// header `Idempotency-Key` is refused here.
#[utoipa::path(
    post, path = "/tasks/batch", operation_id = "create_executions", tag = "executions",
    request_body = CreateBatch,
    responses((status = 200, body = Page<BatchAnswer>, description = "One answer per item.")),
)]
pub(super) async fn create_executions(
    State(app): AppState,
    context: RequestContext,
    room: Room,
    _keyless: KeyPerItem,
    JsonBody(batch): JsonBody<CreateBatch>,
) -> Result<Json<Page<BatchAnswer>>, ApiError> {
    let _turn = room.turn().await;
    let outcomes = create::many(&app, &context.namespace, batch.resolve()?).await?;
    let answer = |outcome: Result<ExecutionRecord, ApiError>| match outcome {
        Ok(record) => BatchAnswer {
            execution: Some(told(&app, &record)),
            problem: None,
        },
        Err(error) => {
            let problem = Problem {
                instance: "/tasks/batch".to_owned(),
                request_id: context.request_id.clone(),
                ..error.problem()
            };
            BatchAnswer {
                execution: None,
                problem: Some(problem),
            }
        }
    };
    let items = outcomes.into_iter().map(answer).collect();
    Ok(Json(Page { items, next: None }))
}

/// Reads an execution. With `Prefer: wait` the answer waits until it differs from what
/// `If-None-Match` names, or from what it is now.
#[utoipa::path(
    get, path = "/tasks/{id}", operation_id = "get_execution", tag = "executions",
    params(
        ("id" = Id, Path, description = "The execution."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what was read before."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, at most 60 seconds."),
    ),
    responses(
        (status = 200, body = Execution, description = "The execution.",
            headers(("ETag" = String, description = "It changes with whatever is told."))),
        (status = 304, description = "It is as it was read before; with a wait, all the time."),
    ),
)]
pub(super) async fn get_execution(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<ExecutionId>,
    IfNoneMatch(known): IfNoneMatch,
    patience: Patience,
) -> Result<Response, ApiError> {
    let place = (&context.namespace, id);
    let Some((wait, seat)) = patience.sit_down() else {
        return Ok(change::look(&app, place).await?.answer(known.as_ref()));
    };
    let seen = change::seen(&app, place, known.as_ref(), (wait, &seat)).await?;
    let mut response = seen.last.answer(known.as_ref());
    let applied = patience.applied().filter(|_| seen.honoured);
    response.headers_mut().extend(applied);
    Ok(response)
}

/// Lists executions, newest first, or those of some ids.
#[utoipa::path(
    get, path = "/tasks", operation_id = "list_executions", tag = "executions",
    params(ListExecutions),
    responses((status = 200, body = Page<Execution>, description = "A page.")),
)]
pub(super) async fn list_executions(
    State(app): AppState,
    context: RequestContext,
    Query(query): Query<ListExecutions>,
) -> Result<Json<Page<Execution>>, ApiError> {
    list::list(&app, &context.namespace, &query).await.map(Json)
}

/// Cancels an execution; repeatable. The verdict is final, and with `Prefer: wait` the answer
/// waits for the end of the work.
#[utoipa::path(
    put, path = "/tasks/{id}/cancel", operation_id = "cancel_execution", tag = "executions",
    params(
        ("id" = Id, Path, description = "The execution."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, at most 60 seconds."),
    ),
    request_body = Option<CancelExecution>,
    responses(
        (status = 200, body = Execution, description = "Canceled; with a wait, the stop is settled."),
        (status = 202, body = Execution, description = "Canceled, and the stop is not settled yet."),
    ),
)]
pub(super) async fn cancel_execution(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<ExecutionId>,
    patience: Patience,
    OptionalJsonBody(command): OptionalJsonBody<CancelExecution>,
) -> Result<Response, ApiError> {
    let command = command.resolve()?;
    let target = CancelTarget::Id {
        id,
        reference: command.reference,
    };
    canceled(
        &app,
        context,
        Command {
            target,
            reason: command.reason,
            cascade: command.cascade,
        },
        patience,
    )
    .await
}

/// Cancels up to 1,000 executions, each for itself; repeatable. It is background work: cancels of
/// one do not wait for it.
#[utoipa::path(
    post, path = "/tasks/cancel-batch", operation_id = "cancel_executions", tag = "executions",
    request_body = CancelBatch,
    responses((status = 200, body = CanceledBatch, description = "What became of each, in their order.")),
)]
pub(super) async fn cancel_executions(
    State(app): AppState,
    context: RequestContext,
    JsonBody(batch): JsonBody<CancelBatch>,
) -> Result<Json<CanceledBatch>, ApiError> {
    let batch = batch.resolve()?;
    cancel_batch::cancel(&app, &context, batch).await.map(Json)
}

/// Cancels whatever this key stands for, now or ever; repeatable.
#[utoipa::path(
    put, path = "/tasks/by-key/{key}/cancel", operation_id = "cancel_execution_by_key",
    tag = "executions",
    params(
        ("key" = String, Path, description = "The `Idempotency-Key` of the create."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, at most 60 seconds."),
    ),
    request_body = Option<CancelExecution>,
    responses(
        (status = 200, body = Execution, description = "Canceled; with a wait, the stop is settled."),
        (status = 202, body = Execution, description = "Canceled, and the stop is not settled yet."),
    ),
)]
pub(super) async fn cancel_execution_by_key(
    State(app): AppState,
    context: RequestContext,
    PathId(key): PathId<IdempotencyKey>,
    patience: Patience,
    OptionalJsonBody(command): OptionalJsonBody<CancelExecution>,
) -> Result<Response, ApiError> {
    let command = command.resolve()?;
    if command.reference.is_some() {
        return Err(FieldError::new("reference", "only in a cancel by id").into());
    }
    let target = CancelTarget::Key(key);
    canceled(
        &app,
        context,
        Command {
            target,
            reason: command.reason,
            cascade: command.cascade,
        },
        patience,
    )
    .await
}

/// Frees what a stop holds that is STUCK or ABANDONED: slot, place in the queue, and the way to the
/// next attempt. The work may still run. Repeatable; who released it first stands.
#[utoipa::path(
    put, path = "/tasks/{id}/release-stuck", operation_id = "release_stuck", tag = "executions",
    params(("id" = Id, Path, description = "The execution.")),
    request_body = ReleaseStuck,
    responses((status = 200, body = Execution, description = "Released, now or before.")),
)]
pub(super) async fn release_stuck(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<ExecutionId>,
    JsonBody(command): JsonBody<ReleaseStuck>,
) -> Result<Json<Execution>, ApiError> {
    let command = command.resolve()?;
    let request = ReleaseRequest {
        namespace: context.namespace,
        id,
        reference: command.reference,
        attempt: command.attempt,
        actor: context.principal,
        reason: command.reason,
    };
    let record = release::release(&app, request).await?;
    Ok(Json(told(&app, &record)))
}

struct Command {
    target: CancelTarget,
    reason: Option<String>,
    cascade: bool,
}

async fn canceled(
    app: &App,
    context: RequestContext,
    command: Command,
    patience: Patience,
) -> Result<Response, ApiError> {
    let namespace = context.namespace;
    let request = CancelRequest {
        namespace: namespace.clone(),
        target: command.target,
        actor: context.principal,
        reason: command.reason,
        cascade: command.cascade,
        request_id: Some(context.request_id),
    };
    let verdict = cancel::verdict(app, request).await?;
    let Some(applied) = patience.applied() else {
        return Ok(Json(told(app, &verdict.record)).into_response());
    };
    let (canceled, applied) = match patience.sit_down() {
        _ if verdict.settled => (verdict, Some(applied)),
        Some((wait, seat)) => {
            let proof = cancel::proof(app, &namespace, verdict, wait, &seat).await;
            (proof, Some(applied))
        }
        // Without a seat the wish is not honoured, and 200 would claim a proof.
        None => (verdict, None),
    };
    let status = if canceled.settled {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let mut response = (status, Json(told(app, &canceled.record))).into_response();
    response.headers_mut().extend(applied);
    Ok(response)
}
