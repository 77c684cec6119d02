//! Cancellations over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use taskpilot_api::cancellations::{
    Cancellation, CancellationItem, CreateCancellation, DryRun, GiveUpBody, ListCancellationItems,
    ListCancellations,
};
use taskpilot_api::page::Page;
use taskpilot_api::schema::Id;
use taskpilot_domain::ids::CancellationId;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::{Idempotency, JsonBody, OptionalJsonBody, PathId, Patience, Query};
use taskpilot_store::rows::cancellations::CancellationRecord;

use crate::app::App;
use crate::cancellations::create::{self, Asks};
use crate::cancellations::{describe, dry_run, give_up, list, read};

type AppState = State<Arc<App>>;

/// Cancels many executions: those of the tasks that are named, or that a filter holds for. With a key
/// it is repeatable.
#[utoipa::path(
    post, path = "/api/cancellations", operation_id = "create_cancellation", tag = "cancellations",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the create repeatable.")),
    request_body = CreateCancellation,
    responses(
        (status = 200, body = DryRun, description = "With `dryRun`: what it would be about; nothing is changed."),
        (status = 201, body = Cancellation, description = "It is kept and will be carried out, now or before: as it is by now.",
            headers(("Location" = String, description = "The path of the cancellation."))),
    ),
)]
pub(super) async fn create_cancellation(
    State(app): AppState,
    context: RequestContext,
    Idempotency(key): Idempotency,
    JsonBody(body): JsonBody<CreateCancellation>,
) -> Result<Response, ApiError> {
    match create::create(&app, &context, key, body).await? {
        Asks::Begun(record) => {
            let location = format!("/api/cancellations/{}", record.id);
            let told = told(record)?;
            Ok((StatusCode::CREATED, [(header::LOCATION, location)], told).into_response())
        }
        Asks::DryRun(of) => {
            let dry = dry_run::run(&app, &context, of).await?;
            Ok(Json(dry).into_response())
        }
    }
}

fn told(record: CancellationRecord) -> Result<Json<Cancellation>, ApiError> {
    describe::cancellation(record).map(Json)
}

/// Lists cancellations, newest first.
#[utoipa::path(
    get, path = "/api/cancellations", operation_id = "list_cancellations", tag = "cancellations",
    params(ListCancellations),
    responses((status = 200, body = Page<Cancellation>, description = "A page.")),
)]
pub(super) async fn list_cancellations(
    State(app): AppState,
    context: RequestContext,
    Query(query): Query<ListCancellations>,
) -> Result<Json<Page<Cancellation>>, ApiError> {
    list::list(&app, &context.namespace, query).await.map(Json)
}

/// Reads a cancellation. With `Prefer: wait` the answer waits until it differs from what it is now.
#[utoipa::path(
    get, path = "/api/cancellations/{id}", operation_id = "get_cancellation", tag = "cancellations",
    params(
        ("id" = Id, Path, description = "The cancellation."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, at most 60 seconds."),
    ),
    responses((status = 200, body = Cancellation, description = "How far it has come.")),
)]
pub(super) async fn get_cancellation(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<CancellationId>,
    patience: Patience,
) -> Result<Response, ApiError> {
    let place = (&context.namespace, id);
    let Some((wait, seat)) = patience.sit_down() else {
        return Ok(told(read::cancellation(&app, place.0, id).await?)?.into_response());
    };
    let record = read::changed(&app, place, (wait, &seat)).await?;
    let mut response = told(record)?.into_response();
    response.headers_mut().extend(patience.applied());
    Ok(response)
}

/// Lists the items of a cancellation by the ids of their tasks.
#[utoipa::path(
    get, path = "/api/cancellations/{id}/items", operation_id = "list_cancellation_items",
    tag = "cancellations",
    params(
        ("id" = Id, Path, description = "The cancellation."),
        ListCancellationItems,
    ),
    responses((status = 200, body = Page<CancellationItem>, description = "A page.")),
)]
pub(super) async fn list_cancellation_items(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<CancellationId>,
    Query(query): Query<ListCancellationItems>,
) -> Result<Json<Page<CancellationItem>>, ApiError> {
    list::items(&app, (&context.namespace, id), query)
        .await
        .map(Json)
}

/// Gives a cancellation up: what is not decided yet is left alone. Repeatable.
#[utoipa::path(
    put, path = "/api/cancellations/{id}/cancel", operation_id = "cancel_cancellation",
    tag = "cancellations",
    params(("id" = Id, Path, description = "The cancellation.")),
    request_body = Option<GiveUpBody>,
    responses((status = 200, body = Cancellation,
        description = "It is given up, now or before; the few items that were on their way are counted before `completedAt` is set.")),
)]
pub(super) async fn cancel_cancellation(
    State(app): AppState,
    context: RequestContext,
    PathId(id): PathId<CancellationId>,
    OptionalJsonBody(GiveUpBody {}): OptionalJsonBody<GiveUpBody>,
) -> Result<Json<Cancellation>, ApiError> {
    told(give_up::give_up(&app, &context.namespace, id).await?)
}
