//! Queues over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use taskpilot_api::page::Page;
use taskpilot_api::queues::{LimitQueue, ListQueues, PauseQueue, QueueItem, ResumeQueue};
use taskpilot_api::schema::Name;
use taskpilot_domain::names::QueueName;
use taskpilot_domain::queue::{QueueAction, QueueChange};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::{JsonBody, OptionalJsonBody, PathId, Query};

use crate::app::App;
use crate::queues::{list, steer};

type AppState = State<Arc<App>>;

/// Lists the queues by name.
#[utoipa::path(
    get, path = "/queues", operation_id = "list_queues", tag = "queues",
    params(ListQueues),
    responses((status = 200, body = Page<QueueItem>, description = "A page.")),
)]
pub(super) async fn list_queues(
    State(app): AppState,
    context: RequestContext,
    Query(query): Query<ListQueues>,
) -> Result<Json<Page<QueueItem>>, ApiError> {
    list::list(&app, &context.namespace, &query).await.map(Json)
}

/// Sets the limit of a queue, or takes it away; a queue that was never seen begins with it.
#[utoipa::path(
    put, path = "/queues/{name}", operation_id = "limit_queue", tag = "queues",
    params(("name" = Name, Path, description = "The queue.")),
    request_body = LimitQueue,
    responses((status = 200, body = QueueItem, description = "The queue as it is now.")),
)]
pub(super) async fn limit_queue(
    State(app): AppState,
    context: RequestContext,
    PathId(name): PathId<QueueName>,
    JsonBody(body): JsonBody<LimitQueue>,
) -> Result<Json<QueueItem>, ApiError> {
    let change = QueueChange {
        action: QueueAction::Limit(body.resolve()?),
        by: context.principal.clone(),
        reason: None,
    };
    steer::steer(&app, context, name, change).await.map(Json)
}

/// Pauses a queue: nothing is granted from it, and what runs goes on. Repeatable; who paused first
/// stands.
#[utoipa::path(
    put, path = "/queues/{name}/pause", operation_id = "pause_queue", tag = "queues",
    params(("name" = Name, Path, description = "The queue.")),
    request_body = Option<PauseQueue>,
    responses((status = 200, body = QueueItem, description = "The queue as it is now.")),
)]
pub(super) async fn pause_queue(
    State(app): AppState,
    context: RequestContext,
    PathId(name): PathId<QueueName>,
    OptionalJsonBody(body): OptionalJsonBody<PauseQueue>,
) -> Result<Json<QueueItem>, ApiError> {
    let change = QueueChange {
        action: QueueAction::Pause,
        by: context.principal.clone(),
        reason: body.resolve()?,
    };
    steer::steer(&app, context, name, change).await.map(Json)
}

/// Lets a queue be claimed from again; repeatable. Who resumed it is kept.
#[utoipa::path(
    put, path = "/queues/{name}/resume", operation_id = "resume_queue", tag = "queues",
    params(("name" = Name, Path, description = "The queue.")),
    request_body = Option<ResumeQueue>,
    responses((status = 200, body = QueueItem, description = "The queue as it is now.")),
)]
pub(super) async fn resume_queue(
    State(app): AppState,
    context: RequestContext,
    PathId(name): PathId<QueueName>,
    OptionalJsonBody(body): OptionalJsonBody<ResumeQueue>,
) -> Result<Json<QueueItem>, ApiError> {
    let change = QueueChange {
        action: QueueAction::Resume,
        by: context.principal.clone(),
        reason: body.resolve()?,
    };
    steer::steer(&app, context, name, change).await.map(Json)
}
