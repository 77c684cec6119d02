//! The one error of handlers: it becomes a problem document at the edge, where the request is known.

use std::error::Error;
use std::fmt::{self, Write};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::field::FieldError;
use taskpilot_api::headers::{PROBLEM_JSON, REQUEST_ID};
use taskpilot_api::page::InvalidCursor;
use taskpilot_api::problem::{Outcome, Problem};

use crate::health::Deliberate;

/// A cause that is logged and never sent.
pub type Cause = Box<dyn Error + Send + Sync>;

/// An answer that is not a success.
#[derive(Debug)]
pub struct ApiError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: ErrorCode,
    detail: String,
    retryable: bool,
    outcome: Option<Outcome>,
    field: Option<String>,
    retry_after_s: Option<u64>,
    headers: HeaderMap,
    cause: Option<Cause>,
}

impl ApiError {
    /// An error of `code`; `detail` is sent, so it says nothing of the inside.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            retryable: code.is_retryable(),
            outcome: None,
            field: None,
            retry_after_s: None,
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// A fault of our own: the caller learns that there was one, the log learns which.
    pub fn fault(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorCode::Internal, "the service failed; see its log").caused_by(cause)
    }

    /// A query parameter that is out of its limits.
    pub fn invalid_query(error: FieldError) -> Self {
        Self::new(ErrorCode::InvalidQuery, error.message).field(error.field)
    }

    /// Adds what the log shall say.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds whether the command may have been applied.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = Some(outcome);
        self
    }

    /// Names the field, header or parameter at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Says otherwise than the registry whether a repeat may succeed.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Adds `Retry-After` in seconds. A 503 has one anyway.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Closes the connection after the answer.
    #[must_use]
    pub fn closing(mut self) -> Self {
        let close = HeaderValue::from_static("close");
        self.0.headers.insert(header::CONNECTION, close);
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The problem document, but for where it happened.
    pub fn problem(&self) -> Problem {
        self.0.problem()
    }
}

impl Parts {
    fn problem(&self) -> Problem {
        Problem {
            retryable: self.retryable,
            outcome: self.outcome,
            field: self.field.clone(),
            ..Problem::new(self.code, self.detail.clone())
        }
    }

    /// The cause and the causes of the cause, in one line.
    fn causes(&self) -> Option<String> {
        let mut cause: &dyn Error = self.cause.as_deref()?;
        let mut line = cause.to_string();
        while let Some(source) = cause.source() {
            write!(line, ": {source}").expect("invariant: writing to a string does not fail");
            cause = source;
        }
        Some(line)
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::new(ErrorCode::InvalidBody, error.message).field(error.field)
    }
}

impl From<InvalidCursor> for ApiError {
    fn from(error: InvalidCursor) -> Self {
        Self::new(ErrorCode::InvalidCursor, error.to_string()).field("after")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

/// An error that waits in its response for the edge to write it out.
#[derive(Clone)]
struct Pending(Arc<Parts>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let parts = *self.0;
        let mut response = StatusCode::from_u16(parts.code.status())
            .expect("invariant: the registry has valid statuses only")
            .into_response();
        response.headers_mut().extend(parts.headers.clone());
        response.extensions_mut().insert(Pending(Arc::new(parts)));
        response
    }
}

/// Writes the error of `response` out, if it has one, and logs its cause. An error that did not
/// come as an [`ApiError`] is a fault: its body may hold anything, so it is not sent.
pub(crate) fn write_out(mut response: Response, instance: &str, request_id: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if response.extensions().get::<Deliberate>().is_some() {
        return response;
    }
    let Some(Pending(parts)) = response.extensions_mut().remove::<Pending>() else {
        let fault = ApiError::fault(format!("an answer with status {status} and no problem"));
        return write_out(fault.into_response(), instance, request_id);
    };
    log(&parts, instance, request_id);
    let problem = Problem {
        instance: instance.to_owned(),
        request_id: request_id.to_owned(),
        ..parts.problem()
    };
    let body = serde_json::to_vec(&problem).expect("invariant: a problem is plain JSON");
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static(PROBLEM_JSON);
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.remove(header::CONTENT_LENGTH);
    let default = (status == StatusCode::SERVICE_UNAVAILABLE).then(patience_s);
    if let Some(seconds) = parts.retry_after_s.or(default) {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    *response.body_mut() = body.into();
    response
}

fn log(parts: &Parts, instance: &str, request_id: &str) {
    let code = parts.code.as_str();
    match parts.causes() {
        Some(cause) if parts.code.status() >= 500 => {
            tracing::error!(
                code,
                cause,
                path = instance,
                { REQUEST_ID } = request_id,
                "failed"
            );
        }
        Some(cause) => {
            tracing::debug!(
                code,
                cause,
                path = instance,
                { REQUEST_ID } = request_id,
                "refused"
            );
        }
        None => {}
    }
}

/// One to three seconds: who was refused together does not come back together.
#[expect(
    clippy::disallowed_methods,
    reason = "the spread of refused callers decides nothing that a test would repeat"
)]
fn patience_s() -> u64 {
    fastrand::u64(1..=3)
}
