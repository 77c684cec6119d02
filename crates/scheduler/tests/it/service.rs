//! A scheduler on a directory of its own, under a clock that stands still.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use taskpilot_domain::time::Timestamp;
use taskpilot_scheduler::{App, Config, router};
use taskpilot_server::clock::ManualClock;
use taskpilot_server::listener::Listener;
use taskpilot_server::settings::Settings;
use taskpilot_server::shutdown::Shutdown;
use taskpilot_store_sqlite::SqliteSchedulerStore;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::troubled_store::TroubledStore;

/// Longer than anything here takes; what waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// A wake takes far less. A waiting claim that was not woken looks again only after two seconds.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(1_500);

/// 2026-03-01T00:00:00Z.
const BEGIN_MS: i64 = 1_772_323_200_000;

pub(crate) struct Service {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shutdown: Shutdown,
    pub(crate) store: Arc<TroubledStore>,
    router: Router,
    directory: TempDir,
}

/// Starts a scheduler whose loops run by hand.
pub(crate) async fn start() -> Service {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteSchedulerStore::open(directory.path()).unwrap();
    let store = Arc::new(TroubledStore::over(store));
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(BEGIN_MS)));
    let shutdown = Shutdown::new(Duration::from_secs(5));
    let app = App::new(
        store.clone(),
        clock.clone(),
        shutdown.clone(),
        Config::default(),
    );
    app.route_changes();
    // The first look at the leases is over, as it is where the loops run.
    app.tick().await.unwrap();
    Service {
        router: router(app.clone()),
        store,
        app,
        clock,
        shutdown,
        directory,
    }
}

/// A request with the headers that every request here has.
pub(crate) struct Call(axum::http::request::Builder, Body);

impl Call {
    fn new(method: &str, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("host", "localhost")
            .header("x-request-id", "r");
        Self(request, Body::empty())
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn put(path: &str) -> Self {
        Self::new("PUT", path)
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).json(body)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new("DELETE", path)
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value), self.1)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        let request = self.0.header("content-type", "application/json");
        Self(request, body.to_string().into())
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Status and code of a problem document, checked to be a whole one.
    pub(crate) fn code(&self) -> (u16, &str) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.body["status"], self.status);
        (self.status, self.body["code"].as_str().unwrap())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What a snapshot shows: all that a client acts upon, secrets hidden.
    pub(crate) fn shown(&self) -> Value {
        let mut body = self.body.clone();
        hide_tokens(&mut body);
        let names = ["location", "preference-applied", "content-type"];
        let headers = names.map(|name| self.header(name).map(|value| (name, value)));
        let headers: std::collections::BTreeMap<_, _> = headers.into_iter().flatten().collect();
        json!({ "status": self.status, "headers": headers, "body": body })
    }

    pub(crate) fn id(&self) -> i64 {
        self.body["id"].as_i64().unwrap()
    }
}

fn hide_tokens(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == "token" {
                    *field = json!("[token]");
                } else {
                    hide_tokens(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_tokens),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Service {
    pub(crate) async fn send(&self, call: Call) -> Answer {
        send(self.router.clone(), call).await
    }

    /// Sends a request that may wait, and goes on.
    pub(crate) fn send_aside(&self, call: Call) -> tokio::task::JoinHandle<Answer> {
        tokio::spawn(send(self.router.clone(), call))
    }

    /// Creates an execution of type `demo`; its id.
    pub(crate) async fn create(&self) -> i64 {
        self.create_with(json!({"type": "demo", "payload": "hello"}))
            .await
    }

    pub(crate) async fn create_with(&self, body: Value) -> i64 {
        let answer = self.send(Call::post("/tasks", &body)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.id()
    }

    /// The execution as it is now.
    pub(crate) async fn execution(&self, id: i64) -> Value {
        let answer = self.send(Call::get(&format!("/tasks/{id}"))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    pub(crate) async fn cancel(&self, id: i64) -> Answer {
        self.send(Call::put(&format!("/tasks/{id}/cancel"))).await
    }

    /// Lets time pass as it does where the loops run: no step so long that it is an outage.
    pub(crate) async fn pass_ms(&self, millis: u64) {
        let mut left = millis;
        while left > 0 {
            let step = left.min(1_000);
            self.clock.advance(step);
            self.app.tick().await.unwrap();
            left -= step;
        }
    }

    /// Returns once so many claims wait.
    pub(crate) async fn claims_wait(&self, count: usize) {
        let waiting = async {
            while self.app.waiting_claims() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    }

    /// Where its store is.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Serves on a real socket.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr();
        let router = self.router.clone();
        tokio::spawn(listener.serve(router, Settings::default(), self.shutdown.clone()));
        address
    }
}

async fn send(router: Router, Call(request, body): Call) -> Answer {
    let request = request.body(body).unwrap();
    let exchange = async {
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let is_text = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/plain");
        let body = if bytes.is_empty() {
            Value::Null
        } else if parts.headers.get("content-type").is_some_and(is_text) {
            Value::String(String::from_utf8(bytes.into()).unwrap())
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap()
}
