//! The real scheduler on a directory and a port of its own; it can go away and come back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use taskpilot_scheduler::{App, Config};
use taskpilot_server::clock::SystemClock;
use taskpilot_server::listener::Listener;
use taskpilot_server::settings::Settings;
use taskpilot_server::shutdown::Shutdown;
use taskpilot_store_sqlite::SqliteSchedulerStore;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::worker::PATIENCE;

pub(crate) struct Scheduler {
    directory: TempDir,
    address: SocketAddr,
    config: Config,
    running: Option<Running>,
}

struct Running {
    router: Router,
    store: Arc<SqliteSchedulerStore>,
    shutdown: Shutdown,
    tasks: Vec<JoinHandle<()>>,
}

impl Scheduler {
    pub(crate) async fn start() -> Self {
        Self::with_lease_ms(30_000).await
    }

    pub(crate) async fn with_lease_ms(lease_ms: u64) -> Self {
        let mut scheduler = Self::absent(lease_ms).await;
        scheduler.come().await;
        scheduler
    }

    /// One that has an address and is not there yet.
    pub(crate) async fn absent(lease_ms: u64) -> Self {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        Self {
            directory: tempfile::tempdir().unwrap(),
            address: listener.local_addr(),
            config: Config::with_lease_ms(lease_ms),
            running: None,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn come(&mut self) {
        let listener = Listener::bind(self.address).await.unwrap();
        let store = Arc::new(SqliteSchedulerStore::open(self.directory.path()).unwrap());
        let shutdown = Shutdown::new(Duration::ZERO);
        let app = App::new(
            store.clone(),
            Arc::new(SystemClock::new()),
            shutdown.clone(),
            self.config,
        );
        let mut tasks = app.start();
        let router = taskpilot_scheduler::router(app);
        let served = listener.serve(router.clone(), Settings::default(), shutdown.clone());
        tasks.push(tokio::spawn(served));
        self.running = Some(Running {
            router,
            store,
            shutdown,
            tasks,
        });
    }

    pub(crate) async fn go(&mut self) {
        let running = self.running.take().unwrap();
        running.shutdown.request();
        for task in running.tasks {
            task.await.unwrap();
        }
        let store = running.store;
        tokio::task::spawn_blocking(move || store.close())
            .await
            .unwrap();
    }

    /// Creates an execution; its id.
    pub(crate) async fn create(&self, body: Value) -> i64 {
        let (status, body) = self.call("POST", "/tasks", Some(body)).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_i64().unwrap()
    }

    /// Creates an execution of a type with a payload; its id.
    pub(crate) async fn run(&self, kind: &str, payload: Value) -> i64 {
        self.create(json!({"type": kind, "payload": payload})).await
    }

    pub(crate) async fn execution(&self, id: i64) -> Value {
        self.call("GET", &format!("/tasks/{id}"), None).await.1
    }

    pub(crate) async fn cancel(&self, id: i64) {
        self.cancel_with(id, json!({})).await;
    }

    pub(crate) async fn cancel_with(&self, id: i64, body: Value) {
        let path = format!("/tasks/{id}/cancel");
        let (status, body) = self.call("PUT", &path, Some(body)).await;
        assert_eq!(status, 200, "{body}");
    }

    /// The sessions that live.
    pub(crate) async fn workers(&self) -> Vec<Value> {
        let (_, body) = self.call("GET", "/v1/workers", None).await;
        let items = body["items"].as_array().unwrap().iter();
        items
            .filter(|item| item["state"] == "ACTIVE")
            .cloned()
            .collect()
    }

    /// The execution, once it is as wanted.
    pub(crate) async fn when(&self, id: i64, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let mut last = Value::Null;
        let reached = async {
            loop {
                last = self.execution(id).await;
                if wanted(&last) {
                    return;
                }
                looks.tick().await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, reached).await;
        assert!(outcome.is_ok(), "never as wanted: {last:#}");
        last
    }

    pub(crate) async fn when_status(&self, id: i64, status: &str) -> Value {
        self.when(id, |execution| execution["status"] == status)
            .await
    }

    /// The execution, once its stop is proven.
    pub(crate) async fn when_stopped(&self, id: i64) -> Value {
        self.when(id, |execution| execution["stop"]["status"] == "STOPPED")
            .await
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json");
        let request = match body {
            Some(body) => request.body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let router = self.running.as_ref().unwrap().router.clone();
        let response = router.oneshot(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}
