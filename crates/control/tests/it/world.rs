//! A control plane on a directory of its own, under a clock that stands still and with loops that
//! run by hand.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use taskpilot_client::transport::Policy;
use taskpilot_control::{App, Config, router};
use taskpilot_domain::time::Timestamp;
use taskpilot_server::clock::ManualClock;
use taskpilot_server::shutdown::Shutdown;
use taskpilot_store_sqlite::SqliteControlStore;
use tempfile::TempDir;
use tower::ServiceExt;

/// 2026-03-01T00:00:00Z.
const BEGIN_MS: i64 = 1_772_323_200_000;
/// Longer than any binding waits before it is looked at again.
pub(crate) const OVERDUE_MS: u64 = 7_000;

/// Longer than the history of an execution is kept, and shorter than its key.
pub(crate) const FORGOTTEN_MS: u64 = 30 * 86_400_000 + 1;

/// Deadlines of a call to a scheduler that hangs.
pub(crate) const HURRIED: Policy = Policy {
    connect: Duration::from_millis(300),
    attempt: Duration::from_millis(500),
    overall: Duration::from_millis(1_200),
    tries: 2,
};

/// Deadlines that no test waits for: what is held up stays so until it is let go.
pub(crate) const PATIENT: Policy = Policy {
    connect: Duration::from_secs(1),
    attempt: Duration::from_secs(40),
    overall: Duration::from_secs(40),
    tries: 2,
};

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(BEGIN_MS)))
}

pub(crate) struct Control {
    pub(crate) store: Arc<SqliteControlStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shutdown: Shutdown,
    app: Arc<App>,
    router: Router,
    directory: TempDir,
}

/// A control plane in front of the scheduler at `url`.
pub(crate) fn before(url: &str) -> Control {
    start(url, clock(), Policy::default())
}

pub(crate) fn start(url: &str, clock: Arc<ManualClock>, policy: Policy) -> Control {
    on(
        tempfile::tempdir().unwrap(),
        clock,
        Config::with_policy(url, policy).unwrap(),
    )
}

fn on(directory: TempDir, clock: Arc<ManualClock>, config: Config) -> Control {
    let store = Arc::new(SqliteControlStore::open(directory.path()).unwrap());
    let shutdown = Shutdown::new(Duration::from_secs(5));
    let app = App::new(store.clone(), clock.clone(), shutdown.clone(), config);
    Control {
        store,
        clock,
        shutdown,
        router: router(app.clone()),
        app,
        directory,
    }
}

impl Control {
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// The next life, on the same directory, in front of the scheduler at `url`.
    pub(crate) fn restart(self, url: &str) -> Self {
        self.restart_as(url, Policy::default())
    }

    /// The same, with other deadlines.
    pub(crate) fn restart_as(self, url: &str, policy: Policy) -> Self {
        self.store.close();
        let config = Config::with_policy(url, policy).unwrap();
        on(self.directory, self.clock, config)
    }

    /// Lets everything run that runs by itself.
    pub(crate) fn start(&self) -> Vec<tokio::task::JoinHandle<()>> {
        self.app.start()
    }

    /// Lets the reconciler look once, at what is due.
    pub(crate) async fn tick(&self) {
        self.app.tick().await.unwrap();
    }

    /// The same where that may fail.
    pub(crate) async fn try_tick(&self) -> Result<(), String> {
        self.app.tick().await.map_err(|error| error.to_string())
    }

    /// What the clock of the test says.
    pub(crate) fn now(&self) -> Timestamp {
        use taskpilot_server::clock::Clock;
        self.clock.now()
    }

    /// Lets time pass until everything open is due, and the reconciler look.
    pub(crate) async fn reconcile(&self) {
        self.clock.advance(OVERDUE_MS);
        self.tick().await;
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        let response = self
            .router()
            .oneshot(call.0.body(call.1).unwrap())
            .await
            .unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).unwrap()
        };
        Answer {
            status,
            headers,
            body,
        }
    }

    /// Creates a task with a payload of text.
    pub(crate) async fn create(&self) -> i64 {
        let body = json!({"type": "demo", "payload": "hello"});
        let created = self.send(Call::post("/api/tasks", &body)).await;
        assert_eq!(created.status, 201, "{created:?}");
        created.body["id"].as_i64().unwrap()
    }

    pub(crate) async fn bind(&self, task: i64) -> Answer {
        self.send(Call::post(
            &format!("/api/tasks/{task}/scheduler"),
            &json!({}),
        ))
        .await
    }

    /// Creates and binds a task: its id and that of its execution.
    pub(crate) async fn bound(&self) -> (i64, i64) {
        let task = self.create().await;
        let bound = self.bind(task).await;
        assert_eq!(bound.status, 201, "{bound:?}");
        (task, bound.body["schedulerTaskId"].as_i64().unwrap())
    }

    pub(crate) async fn cancel(&self, task: i64) -> Answer {
        self.send(Call::put(&format!("/api/tasks/{task}/execution/cancel")))
            .await
    }

    pub(crate) async fn task(&self, task: i64) -> Value {
        let read = self.send(Call::get(&format!("/api/tasks/{task}"))).await;
        assert_eq!(read.status, 200, "{read:?}");
        read.body
    }

    /// Status, code of the bind error, execution.
    pub(crate) async fn standing(&self, task: i64) -> (String, Option<String>, Option<i64>) {
        let task = self.task(task).await;
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let status = word(&task["status"]).unwrap();
        (
            status,
            word(&task["bindError"]["code"]),
            task["schedulerTaskId"].as_i64(),
        )
    }

    pub(crate) async fn view(&self, task: i64) -> Answer {
        self.send(Call::get(&format!("/api/tasks/{task}/execution")))
            .await
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

    pub(crate) fn patch(path: &str, body: &str) -> Self {
        Self::bare_patch(path, body).header("content-type", "application/merge-patch+json")
    }

    /// A patch that does not say of which media type it is.
    pub(crate) fn bare_patch(path: &str, body: &str) -> Self {
        Self(Self::new("PATCH", path).0, body.to_owned().into())
    }

    pub(crate) fn post_nothing(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn post_text(path: &str, body: &str) -> Self {
        Self::new("POST", path).text(body)
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value), self.1)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    fn text(self, body: &str) -> Self {
        Self(
            self.0.header("content-type", "application/json"),
            body.to_owned().into(),
        )
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
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status, code and outcome of a problem document.
    pub(crate) fn problem(&self) -> (u16, &str, Option<&str>) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        assert_eq!(self.body["status"], self.status);
        let code = self.body["code"].as_str().unwrap();
        (self.status, code, self.body["outcome"].as_str())
    }

    /// Status and code of a problem, for what did not reach for the scheduler.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        let (status, code, outcome) = self.problem();
        assert_eq!(outcome, None, "{self:?}");
        (status, code)
    }
}
