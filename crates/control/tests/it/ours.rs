//! Our own scheduler, over HTTP, with a worker that a test plays.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use taskpilot_scheduler::{App, Config, router};
use taskpilot_server::clock::ManualClock;
use taskpilot_server::listener::Listener;
use taskpilot_server::settings::Settings;
use taskpilot_server::shutdown::Shutdown;
use taskpilot_store_sqlite::SqliteSchedulerStore;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) struct Ours {
    pub(crate) address: std::net::SocketAddr,
    app: Arc<App>,
    shutdown: Shutdown,
    router: Router,
    _directory: TempDir,
}

/// A scheduler under the clock of the test: a control plane of another time makes keys of another
/// age.
pub(crate) async fn start(clock: Arc<ManualClock>) -> Ours {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteSchedulerStore::open(directory.path()).unwrap());
    let shutdown = Shutdown::new(Duration::ZERO);
    let app = App::new(store, clock, shutdown.clone(), Config::default());
    app.start();
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.local_addr();
    let router = router(app.clone());
    tokio::spawn(listener.serve(router.clone(), Settings::default(), shutdown.clone()));
    Ours {
        address,
        app,
        shutdown,
        router,
        _directory: directory,
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

impl Ours {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs each loop once, at what the clock of the test says.
    pub(crate) async fn tick(&self) {
        self.app.tick().await.unwrap();
    }

    /// Asks it directly.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.ask_as(("", ""), (method, path), body).await
    }

    async fn ask_as(
        &self,
        (header, value): (&str, &str),
        (method, path): (&str, &str),
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if !header.is_empty() {
            request = request.header(header, value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let answer = self
            .router
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The ids of all executions, newest first.
    pub(crate) async fn executions(&self) -> Vec<i64> {
        let (_, page) = self.ask("GET", "/tasks?limit=1000", None).await;
        let ids = page["items"].as_array().unwrap().iter();
        ids.map(|item| item["id"].as_i64().unwrap()).collect()
    }

    /// Registers a worker and lets it take one attempt.
    pub(crate) async fn start_work(&self) -> Work<'_> {
        let worker = json!({"name": "w", "queues": ["default"], "types": ["demo"], "slots": 1,
            "containment": "subreaper"});
        let (status, session) = self.ask("POST", "/v1/workers", Some(&worker)).await;
        assert_eq!(status, 201, "{session}");
        let mut work = Work {
            scheduler: self,
            session: session["sessionId"].as_i64().unwrap(),
            token: session["token"].as_str().unwrap().to_owned(),
            grant: Value::Null,
        };
        let claim = json!({"claimSeq": 1, "max": 1, "waitMs": 0});
        let claimed = work.call("claims", &claim).await;
        work.grant = claimed["grants"][0].clone();
        assert!(work.grant.is_object(), "{claimed}");
        work
    }
}

/// An attempt in the hands of the test.
pub(crate) struct Work<'s> {
    scheduler: &'s Ours,
    session: i64,
    token: String,
    grant: Value,
}

impl Work<'_> {
    async fn call(&self, what: &str, body: &Value) -> Value {
        let path = format!("/v1/workers/{}/{what}", self.session);
        let token = ("taskpilot-session-token", self.token.as_str());
        let (status, answer) = self
            .scheduler
            .ask_as(token, ("POST", &path), Some(body))
            .await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn item(&self, more: &Value) -> Value {
        let mut item = more.clone();
        for name in ["executionId", "attempt", "token"] {
            item[name] = self.grant[name].clone();
        }
        json!({"items": [item]})
    }

    /// Hands in how the attempt ended.
    pub(crate) async fn end(&self, outcome: &Value) {
        let verdicts = self.call("results", &self.item(outcome)).await;
        assert_eq!(verdicts["verdicts"][0]["verdict"], "applied", "{verdicts}");
    }

    /// Reports that its worker cannot end the attempt: `stuck` or `abandoned`.
    pub(crate) async fn give_up(&self, stage: &str) {
        let verdicts = self
            .call("stops", &self.item(&json!({ "stage": stage })))
            .await;
        assert_eq!(verdicts["verdicts"][0]["verdict"], "applied", "{verdicts}");
    }

    /// Reports that nothing is left of the attempt.
    pub(crate) async fn stop(&self) {
        let stopped = self.item(&json!({"stage": "stopped", "how": "terminated"}));
        let verdicts = self.call("stops", &stopped).await;
        assert_eq!(verdicts["verdicts"][0]["verdict"], "applied", "{verdicts}");
    }
}
