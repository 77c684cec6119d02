//! The worker protocol over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use taskpilot_api::page::Page;
use taskpilot_api::schema::Id;
use taskpilot_api::workers::{
    ClaimAnswer, ClaimRequest, Goodbye, Heartbeat, HeartbeatAnswer, Register, Registered, Results,
    Starts, StopReports, Verdicts, WorkerItem,
};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::{JsonBody, OptionalJsonBody};
use taskpilot_server::waiting::Waits;

use super::session::Session;
use crate::app::App;
use crate::sessions::{claim, heartbeat, orders, register, report};

type AppState = State<Arc<App>>;

/// Registers a worker: a session with a lease.
#[utoipa::path(
    post, path = "/v1/workers", operation_id = "register_worker", tag = "workers",
    request_body = Register,
    responses((status = 201, body = Registered, description = "The session.")),
)]
pub(super) async fn register_worker(
    State(app): AppState,
    context: RequestContext,
    JsonBody(body): JsonBody<Register>,
) -> Result<(StatusCode, Json<Registered>), ApiError> {
    let registered = register::register(&app, context.namespace, body.resolve()?).await?;
    Ok((StatusCode::CREATED, Json(registered)))
}

/// Lists worker sessions: those that live, then those that ended last.
#[utoipa::path(
    get, path = "/v1/workers", operation_id = "list_workers", tag = "workers",
    responses((status = 200, body = Page<WorkerItem>, description = "The sessions.")),
)]
pub(super) async fn list_workers(
    State(app): AppState,
    context: RequestContext,
) -> Result<Json<Page<WorkerItem>>, ApiError> {
    let items = register::list(&app, &context.namespace).await?;
    Ok(Json(Page { items, next: None }))
}

/// Hands in ends of attempts and asks for new ones.
#[utoipa::path(
    post, path = "/v1/workers/{id}/claims", operation_id = "claim_attempts", tag = "workers",
    params(
        ("id" = Id, Path, description = "The session."),
        ("TaskPilot-Session-Token" = String, Header, description = "The token of the session."),
    ),
    request_body = ClaimRequest,
    responses((status = 200, body = ClaimAnswer, description = "Grants and verdicts.")),
)]
pub(super) async fn claim_attempts(
    State(app): AppState,
    Session(session): Session,
    waits: Waits,
    JsonBody(body): JsonBody<ClaimRequest>,
) -> Result<Json<ClaimAnswer>, ApiError> {
    claim::claim(&app, session, body.resolve()?, &waits)
        .await
        .map(Json)
}

/// Hands in ends of attempts.
#[utoipa::path(
    post, path = "/v1/workers/{id}/results", operation_id = "finish_attempts", tag = "workers",
    params(
        ("id" = Id, Path, description = "The session."),
        ("TaskPilot-Session-Token" = String, Header, description = "The token of the session."),
    ),
    request_body = Results,
    responses((status = 200, body = Verdicts, description = "One verdict per item.")),
)]
pub(super) async fn finish_attempts(
    State(app): AppState,
    Session(session): Session,
    JsonBody(body): JsonBody<Results>,
) -> Result<Json<Verdicts>, ApiError> {
    report::results(&app, session, body.resolve()?)
        .await
        .map(Json)
}

/// Asks whether attempts may begin, for handlers that run nothing before that. After the verdict of a
/// cancel none may, also where it was told so before.
#[utoipa::path(
    post, path = "/v1/workers/{id}/starts", operation_id = "confirm_starts", tag = "workers",
    params(
        ("id" = Id, Path, description = "The session."),
        ("TaskPilot-Session-Token" = String, Header, description = "The token of the session."),
    ),
    request_body = Starts,
    responses((status = 200, body = Verdicts, description = "One verdict per item.")),
)]
pub(super) async fn confirm_starts(
    State(app): AppState,
    Session(session): Session,
    JsonBody(body): JsonBody<Starts>,
) -> Result<Json<Verdicts>, ApiError> {
    report::starts(&app, session, body.resolve()?)
        .await
        .map(Json)
}

/// Reports how far stops have come.
#[utoipa::path(
    post, path = "/v1/workers/{id}/stops", operation_id = "report_stops", tag = "workers",
    params(
        ("id" = Id, Path, description = "The session."),
        ("TaskPilot-Session-Token" = String, Header, description = "The token of the session."),
    ),
    request_body = StopReports,
    responses((status = 200, body = Verdicts, description = "One verdict per item.")),
)]
pub(super) async fn report_stops(
    State(app): AppState,
    Session(session): Session,
    JsonBody(body): JsonBody<StopReports>,
) -> Result<Json<Verdicts>, ApiError> {
    report::stops(&app, session, body.resolve()?)
        .await
        .map(Json)
}

/// Renews the lease of the session and all its attempts.
#[utoipa::path(
    put, path = "/v1/workers/{id}/heartbeat", operation_id = "renew_worker", tag = "workers",
    params(
        ("id" = Id, Path, description = "The session."),
        ("TaskPilot-Session-Token" = String, Header, description = "The token of the session."),
    ),
    request_body = Heartbeat,
    responses((status = 200, body = HeartbeatAnswer, description = "Lease, orders, losses.")),
)]
pub(super) async fn renew_worker(
    State(app): AppState,
    Session(session): Session,
    JsonBody(body): JsonBody<Heartbeat>,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    heartbeat::heartbeat(&app, session, body.resolve()?)
        .await
        .map(Json)
}

/// Streams the orders of the session as server-sent events named `stop`; it begins with all that
/// are not confirmed, and a newer stream replaces the older.
#[utoipa::path(
    get, path = "/v1/workers/{id}/orders", operation_id = "stream_orders", tag = "workers",
    params(
        ("id" = Id, Path, description = "The session."),
        ("TaskPilot-Session-Token" = String, Header, description = "The token of the session."),
    ),
    responses((status = 200, content_type = "text/event-stream", body = String,
        description = "Events whose data is an order.")),
)]
pub(super) async fn stream_orders(
    State(app): AppState,
    Session(session): Session,
    waits: Waits,
) -> Result<Response, ApiError> {
    let seat = waits.enter()?;
    Ok(Sse::new(orders::stream(app, session, seat).await?).into_response())
}

/// Ends the session for good; repeatable.
#[utoipa::path(
    delete, path = "/v1/workers/{id}", operation_id = "end_worker", tag = "workers",
    params(
        ("id" = Id, Path, description = "The session."),
        ("TaskPilot-Session-Token" = String, Header, description = "The token of the session."),
    ),
    request_body = Option<Goodbye>,
    responses((status = 204, description = "It has ended.")),
)]
pub(super) async fn end_worker(
    State(app): AppState,
    Session(session): Session,
    OptionalJsonBody(body): OptionalJsonBody<Goodbye>,
) -> Result<StatusCode, ApiError> {
    register::goodbye(&app, session, body.resolve()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
