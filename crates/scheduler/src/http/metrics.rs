//! Metrics over HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use taskpilot_server::error::ApiError;

use crate::app::App;
use crate::metrics::scrape;

/// The text format that every scraper reads.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics of all namespaces, to be scraped.
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "service",
    responses((status = 200, content_type = "text/plain", body = String,
        description = "The metrics, in the text format of Prometheus.")),
)]
pub(super) async fn get_metrics(
    State(app): State<Arc<App>>,
) -> Result<impl IntoResponse, ApiError> {
    let text = scrape(&app).await?;
    Ok(([(header::CONTENT_TYPE, PROMETHEUS)], text))
}
