//! Probes over HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use taskpilot_api::health::{Liveness, Readiness};
use taskpilot_server::health::Probe;

use crate::app::App;
use crate::health;

/// Says that requests are answered, and asks nobody else.
#[utoipa::path(
    get, path = "/livez", operation_id = "get_liveness", tag = "service",
    responses((status = 200, body = Liveness, description = "It lives.")),
)]
pub(super) async fn get_liveness() -> impl IntoResponse {
    taskpilot_server::health::livez().await
}

/// Names each dependency and whether it is there. Each is looked at once a second at most.
#[utoipa::path(
    get, path = "/readyz", operation_id = "get_readiness", tag = "service",
    responses(
        (status = 200, body = Readiness, description = "Calls should be sent here."),
        (status = 503, body = Readiness, content_type = "application/json",
            description = "They should not: `checks` says what is missing. The one answer with \
                           an error's status that is no problem document."),
    ),
)]
pub(super) async fn get_readiness(State(app): State<Arc<App>>) -> Probe {
    Probe(health::read(&app).await)
}
