//! The answers to probes. They are no errors: what is missing is their content, also in a 503.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use taskpilot_api::health::{Liveness, Readiness, ReadinessStatus};

/// `GET /livez`: it says that requests are answered, and asks nobody else.
pub async fn livez() -> impl IntoResponse {
    (uncached(), Json(Liveness::live()))
}

/// The answer of `GET /readyz`.
#[derive(Debug)]
pub struct Probe(pub Readiness);

/// Marks the one answer that has an error's status and a body of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deliberate;

impl IntoResponse for Probe {
    fn into_response(self) -> Response {
        let status = match self.0.status {
            ReadinessStatus::Ready => StatusCode::OK,
            ReadinessStatus::Unavailable | ReadinessStatus::Stopping => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let mut response = (status, uncached(), Json(self.0)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let again = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, again);
        }
        response.extensions_mut().insert(Deliberate);
        response
    }
}

fn uncached() -> [(header::HeaderName, &'static str); 1] {
    [(header::CACHE_CONTROL, "no-store")]
}
