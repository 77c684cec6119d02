//! Bindings over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use taskpilot_api::bindings::BindTask;
use taskpilot_api::schema::Id;
use taskpilot_api::tasks::Task;
use taskpilot_domain::ids::TaskId;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::{OptionalJsonBody, PathId, Room};

use crate::app::App;
use crate::bindings::bind;
use crate::tasks::describe;

/// Binds a task: creates its execution at the scheduler, once, however often it is asked for.
#[utoipa::path(
    post, path = "/api/tasks/{id}/scheduler", operation_id = "bind_task", tag = "tasks",
    params(("id" = Id, Path, description = "The task.")),
    request_body = Option<BindTask>,
    responses(
        (status = 201, body = Task, description = "Bound."),
        (status = 200, body = Task, description = "Bound before, whatever is asked for now."),
    ),
)]
pub(super) async fn bind_task(
    State(app): State<Arc<App>>,
    (context, _room): (RequestContext, Room),
    PathId(id): PathId<TaskId>,
    OptionalJsonBody(body): OptionalJsonBody<BindTask>,
) -> Result<(StatusCode, Json<Task>), ApiError> {
    let bound = bind::bind(&app, &context, id, body).await?;
    let status = if bound.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(describe::task(bound.task)?)))
}
