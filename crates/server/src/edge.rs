//! The edge of a service: what happens to every request before its route and to every answer after.
//!
//! Request id, host and origin checks, principal, panics, problem documents, access log.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use taskpilot_api::headers::REQUEST_ID;

use crate::catch;
use crate::clock::Clock;
use crate::context::{Forwarding, RequestContext};
use crate::error::{ApiError, write_out};
use crate::extract::Door;
use crate::hosts::{check_host, check_origin};
use crate::settings::Settings;
use crate::shutdown::Shutdown;
use crate::waiting::Waits;

/// What the edge of a service needs.
pub struct Edge {
    /// Bounds of bodies and waiting calls.
    pub settings: Settings,
    /// Times requests for the log.
    pub clock: Arc<dyn Clock>,
    /// Ends calls that wait.
    pub shutdown: Shutdown,
    /// Whether principals may speak for others.
    pub forwarding: Forwarding,
    /// Headers of every answer.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
}

impl Edge {
    /// The edge of a service that lets nobody speak for others and adds no headers.
    pub fn new(clock: Arc<dyn Clock>, shutdown: Shutdown) -> Self {
        Self {
            settings: Settings::default(),
            clock,
            shutdown,
            forwarding: Forwarding::Refused,
            response_headers: Vec::new(),
        }
    }

    pub(crate) fn waits(&self) -> Waits {
        Waits::new(self.settings, self.shutdown.clone())
    }

    pub(crate) fn around(self, router: Router) -> Router {
        let door = Door::new(self.settings.creates, self.settings.creating);
        router
            .layer(Extension(door))
            .layer(from_fn_with_state(Arc::new(self), pass))
    }

    fn admit(&self, request: &mut Request, request_id: &str) -> Result<(), ApiError> {
        let headers = request.headers();
        check_host(request.uri(), headers)?;
        check_origin(request.method(), headers)?;
        let context = RequestContext::local(request_id.to_owned());
        let context = context.on_behalf(headers, self.forwarding)?;
        request.extensions_mut().insert(context);
        request.extensions_mut().insert(self.settings);
        Ok(())
    }
}

async fn pass(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let call = Call::of(&edge, &request);
    let response = match edge.admit(&mut request, &call.request_id) {
        Ok(()) => catch::panics(next.run(request))
            .await
            .unwrap_or_else(|text| panicked(&text)),
        Err(refused) => refused.into_response(),
    };
    let mut response = write_out(response, &call.instance, &call.request_id);
    call.label(&edge, response.headers_mut());
    call.log(&edge, &response);
    response
}

fn panicked(text: &str) -> Response {
    ApiError::fault(format!("a handler panicked: {text}")).into_response()
}

/// What is told of a request after it is gone.
struct Call {
    request_id: String,
    method: Method,
    matched: Option<MatchedPath>,
    instance: String,
    started_ms: u64,
}

impl Call {
    fn of(edge: &Edge, request: &Request) -> Self {
        let given = request.headers().get(REQUEST_ID);
        let given = given
            .and_then(|id| id.to_str().ok())
            .filter(|id| is_sane(id));
        Self {
            request_id: given.map_or_else(new_request_id, str::to_owned),
            method: request.method().clone(),
            matched: request.extensions().get().cloned(),
            instance: request.uri().path().to_owned(),
            started_ms: edge.clock.boot_ms(),
        }
    }

    fn label(&self, edge: &Edge, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        let no_sniffing = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, no_sniffing);
        for (name, value) in &edge.response_headers {
            headers.insert(name, value.clone());
        }
    }

    /// The matched path and never the query or a body: those may hold secrets.
    fn log(&self, edge: &Edge, response: &Response) {
        tracing::debug!(
            method = self.method.as_str(),
            path = self.matched.as_ref().map_or("-", MatchedPath::as_str),
            status = response.status().as_u16(),
            ms = edge.clock.boot_ms().saturating_sub(self.started_ms),
            { REQUEST_ID } = self.request_id,
            "answered"
        );
    }
}

/// At most 64 visible characters: it goes into logs and headers as it is.
fn is_sane(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[expect(
    clippy::disallowed_methods,
    reason = "an id of a request decides nothing, and a test can send its own"
)]
fn new_request_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}
