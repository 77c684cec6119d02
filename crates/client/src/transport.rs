//! One HTTP call with its deadlines, tries and retry budget, and what its failure means.
//!
//! It knows nothing of what it carries. Redirects are not followed, and the environment's proxies
//! are not used: the address that was configured is the one that is called.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use taskpilot_api::headers::PREFER;
use tokio::time::{Instant, timeout_at};

use crate::budget::RetryBudget;
use crate::pace::{jittered, now, pause};

/// The most bytes of an answer that are read: a page of the largest lists fits in it.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Time for a body that is not needed.
const UNWANTED_BODY: Duration = Duration::from_millis(100);
/// Servers close a connection that is idle for ten seconds: ours are given up well before.
const POOL_IDLE: Duration = Duration::from_secs(5);
/// Bound of the wait before the first further try; it doubles with each.
const RETRY_WAIT: Duration = Duration::from_millis(50);

/// How long a call may take and how often it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Until the connection stands.
    pub connect: Duration,
    /// For one try.
    pub attempt: Duration,
    /// For all tries together.
    pub overall: Duration,
    /// At most so many tries.
    pub tries: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(300),
            attempt: Duration::from_secs(2),
            overall: Duration::from_secs(5),
            tries: 3,
        }
    }
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query below the base address.
    pub path: String,
    /// Headers beside `Content-Type`.
    pub headers: HeaderMap,
    /// JSON text.
    pub body: Option<Vec<u8>>,
    /// Whether a second try can do no harm.
    pub repeatable: bool,
    /// Time that the server was asked to wait, on top of the policy's.
    pub extra_wait: Duration,
    /// Whether the status says everything: the body may be cut, endless or nonsense.
    pub status_suffices: bool,
}

impl Call {
    /// A call without headers or body that may be repeated.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: None,
            repeatable: true,
            extra_wait: Duration::ZERO,
            status_suffices: false,
        }
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn json(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    /// The same with one more header; a value that no header can have is left out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same, tried once only.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.repeatable = false;
        self
    }

    /// The same, for which the status is the whole answer.
    #[must_use]
    pub fn status_suffices(mut self) -> Self {
        self.status_suffices = true;
        self
    }

    /// The same, with time for the server to wait.
    #[must_use]
    pub fn waiting(mut self, wait: Duration) -> Self {
        self.extra_wait = wait;
        self
    }

    /// The same, with the wish that the server waits so many whole seconds.
    #[must_use]
    pub fn preferring(self, wait: Duration) -> Self {
        let wish = format!("wait={}", wait.as_secs());
        self.header(PREFER, &wish).waiting(wait)
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most 16 MiB.
    pub body: Vec<u8>,
    /// An earlier try of this call may have been applied.
    pub earlier_unknown: bool,
}

impl Answer {
    /// Seconds of `Retry-After`, where it is a number.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.headers
            .get(RETRY_AFTER)?
            .to_str()
            .ok()?
            .trim()
            .parse()
            .ok()
    }
}

/// Why nothing came back.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub struct NoAnswer {
    /// What went wrong, for logs and for people.
    pub detail: String,
    /// How.
    pub kind: NoAnswerKind,
    /// Whether some try may have been applied.
    pub may_be_applied: bool,
}

impl NoAnswer {
    /// A call that was cut off: after it was `done` there, or before it got there.
    pub fn cut(done: bool) -> Self {
        let (detail, kind) = if done {
            ("the answer was lost", NoAnswerKind::TimedOut)
        } else {
            ("the call was lost", NoAnswerKind::Unreachable)
        };
        Self {
            detail: detail.to_owned(),
            kind,
            may_be_applied: done,
        }
    }
}

/// The ways of getting no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswerKind {
    /// No connection.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// What came was no HTTP, or ended too early.
    Broken,
}

/// Calls one server.
#[derive(Debug, Clone)]
pub struct Transport {
    http: reqwest::Client,
    base: Url,
    policy: Policy,
    budget: Arc<RetryBudget>,
}

/// Why a transport cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTarget {
    /// Not an `http://` address.
    #[error("a server address is like http://127.0.0.1:8080, not {0:?}")]
    Address(String),
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl Transport {
    /// Makes a transport with a connection pool of its own.
    pub fn new(base: &str, policy: Policy) -> Result<Self, InvalidTarget> {
        let address = || InvalidTarget::Address(base.to_owned());
        let base = Url::parse(base).map_err(|_| address())?;
        if !is_plain_address(&base) {
            return Err(address());
        }
        let http = reqwest::Client::builder()
            .connect_timeout(policy.connect)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .pool_idle_timeout(POOL_IDLE)
            .build()
            .map_err(InvalidTarget::Client)?;
        Ok(Self {
            http,
            base,
            policy,
            budget: Arc::new(RetryBudget::default()),
        })
    }

    /// The address that is called.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Sends a call until it is answered for good, its tries are used up or its time is over.
    pub async fn send(&self, call: &Call) -> Result<Answer, NoAnswer> {
        let end = now() + self.policy.overall + call.extra_wait;
        let tries = if call.repeatable {
            self.policy.tries.max(1)
        } else {
            1
        };
        self.budget.deposit();
        let mut unknown = false;
        let mut number = 1;
        loop {
            let mut outcome = self.attempt(call, end).await;
            match &mut outcome {
                Ok(answer) => answer.earlier_unknown = unknown,
                Err(failure) => {
                    unknown |= failure.may_be_applied;
                    failure.may_be_applied = unknown;
                }
            }
            let Some(wait) = wait_before_next(&outcome, number) else {
                return outcome;
            };
            // The wait may be any number that a server names: it is compared and never added.
            let left = end.saturating_duration_since(now());
            if number >= tries || wait >= left || !self.budget.withdraw() {
                return outcome;
            }
            if let Ok(answer) = &outcome {
                unknown |= may_be_applied(answer.status);
            }
            pause(wait).await;
            number += 1;
        }
    }

    /// Opens a stream: only the head is waited for, and there is one try.
    pub async fn open(&self, call: &Call) -> Result<reqwest::Response, NoAnswer> {
        let end = now() + self.policy.attempt;
        match timeout_at(end, self.request(call).send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(no_answer(&error)),
            Err(_) => Err(timed_out()),
        }
    }

    async fn attempt(&self, call: &Call, end: Instant) -> Result<Answer, NoAnswer> {
        let end = end.min(now() + self.policy.attempt + call.extra_wait);
        match timeout_at(end, self.exchange(call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(timed_out()),
        }
    }

    async fn exchange(&self, call: &Call) -> Result<Answer, NoAnswer> {
        let mut response = self
            .request(call)
            .send()
            .await
            .map_err(|error| no_answer(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = if call.status_suffices {
            // Read for the sake of the connection only, which can then be used again.
            let read = tokio::time::timeout(UNWANTED_BODY, read_body(&mut response)).await;
            read.ok().and_then(Result::ok).unwrap_or_default()
        } else {
            read_body(&mut response).await?
        };
        Ok(Answer {
            status,
            headers,
            body,
            earlier_unknown: false,
        })
    }

    fn request(&self, call: &Call) -> reqwest::RequestBuilder {
        let address = format!("{}{}", self.base(), call.path);
        let mut request = self
            .http
            .request(call.method.clone(), address)
            .headers(call.headers.clone());
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        request
    }
}

/// Nothing but a host and a port: what else there is would end up in the middle of a path.
fn is_plain_address(base: &Url) -> bool {
    let bare = base.query().is_none() && base.fragment().is_none();
    let anonymous = base.username().is_empty() && base.password().is_none();
    base.scheme() == "http" && base.host().is_some() && base.path() == "/" && bare && anonymous
}

async fn read_body(response: &mut reqwest::Response) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(broken("the answer is larger than 16 MiB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether an answer with this status leaves open if the call was applied.
///
/// 429 and 503 say that the server did not take the call up (RFC 6585, section 4; RFC 9110,
/// section 15.6.4); other 5xx do not say how far it came.
pub fn may_be_applied(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE
}

/// The wait before another try, or `None` where the outcome stands.
fn wait_before_next(outcome: &Result<Answer, NoAnswer>, number: u32) -> Option<Duration> {
    let bound = RETRY_WAIT.saturating_mul(1 << number.min(8));
    let wait = jittered(bound);
    match outcome {
        Err(_) => Some(wait),
        Ok(answer) => {
            let again = answer.status.is_server_error()
                || matches!(answer.status.as_u16(), 408 | 425 | 429);
            let asked = Duration::from_secs(answer.retry_after_s().unwrap_or(0));
            again.then(|| wait.max(asked))
        }
    }
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    if error.is_connect() {
        let detail = if is_refused(error) {
            "connection refused".to_owned()
        } else {
            format!("no connection: {}", root_cause(error))
        };
        return NoAnswer {
            detail,
            kind: NoAnswerKind::Unreachable,
            may_be_applied: false,
        };
    }
    if error.is_timeout() {
        return timed_out();
    }
    broken(&root_cause(error))
}

fn timed_out() -> NoAnswer {
    NoAnswer {
        detail: "no answer in time".into(),
        kind: NoAnswerKind::TimedOut,
        may_be_applied: true,
    }
}

fn broken(detail: &str) -> NoAnswer {
    NoAnswer {
        detail: format!("no usable answer: {detail}"),
        kind: NoAnswerKind::Broken,
        may_be_applied: true,
    }
}

fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(io) = one.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        cause = one.source();
    }
    false
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
