//! What happens beside a batch that is under way to the scheduler.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::alarms::Alarms;
use crate::ours::{self, Ours};
use crate::world::{Call, Control, PATIENT, clock, start};

/// Where a batch is held up.
#[derive(Debug, Clone, Copy)]
enum Held {
    /// The scheduler has not got it yet.
    OnItsWay,
    /// The scheduler has carried it out.
    OnItsWayBack,
}

/// Told that a batch is held up, and lets it go.
#[derive(Debug, Default)]
struct Gate {
    came: Notify,
    may_go: Notify,
}

impl Gate {
    async fn hold(&self) {
        self.came.notify_one();
        self.may_go.notified().await;
    }
}

async fn with_gate(held: Held) -> (Ours, Control, Arc<Gate>) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let (gate, to) = (Arc::new(Gate::default()), scheduler.address);
    let way = gate.clone();
    let pass = move |request| async move { pass(to, held, &way, request).await };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(pass);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (scheduler, start(&url, clock, PATIENT), gate)
}

async fn pass(to: SocketAddr, held: Held, gate: &Gate, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path_and_query().unwrap().as_str();
    let is_batch = path == "/tasks/batch";
    if is_batch && matches!(held, Held::OnItsWay) {
        gate.hold().await;
    }
    let answer = forward(to, (head.method.as_str(), path), &head.headers, body).await;
    if is_batch && matches!(held, Held::OnItsWayBack) {
        gate.hold().await;
    }
    answer
}

async fn forward(
    to: SocketAddr,
    (method, path): (&str, &str),
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let mut call = Http::at(to).call(method, path).body(body);
    for (name, value) in headers {
        if name != "host" && name != "content-length" {
            call = call.header(name.as_str(), value.to_str().unwrap());
        }
    }
    let reply = call.send().await.unwrap();
    let mut answer = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        if name != "connection" && name != "content-length" {
            answer = answer.header(name, value);
        }
    }
    answer.body(Body::from(reply.body)).unwrap()
}

/// A batch of tasks that are to be bound: their ids are 1, 2 and 3.
fn three() -> Call {
    let items = vec![json!({"type": "demo", "bind": true}); 3];
    Call::post("/api/tasks/batch", &json!({"items": items}))
}

async fn a_bind_and_a_cancel(held: Held) {
    let (scheduler, control, gate) = with_gate(held).await;
    let alarms = Alarms::listen();
    let beside = async {
        gate.came.notified().await;
        let bound = control.bind(1).await;
        let canceled = control.cancel(2).await.status;
        gate.may_go.notify_one();
        (bound.status, canceled, bound.body)
    };
    let (batch, (bound, canceled, first)) = tokio::join!(control.send(three()), beside);
    assert_eq!((bound, canceled), (200, 204), "{held:?}");
    assert_eq!(batch.body["items"][0]["task"], first, "{held:?}");
    let mut executions = Vec::new();
    for (task, status) in [(1, "PENDING"), (2, "CANCELED"), (3, "PENDING")] {
        assert_eq!(control.task(task).await["status"], "BOUND", "{held:?}");
        let view = control.view(task).await.body;
        assert_eq!(view["status"], status, "{held:?}");
        executions.push(view["schedulerTaskId"].as_i64().unwrap());
    }
    executions.sort_unstable_by_key(|id| -id);
    assert_eq!(scheduler.executions().await, executions, "{held:?}");
    assert_eq!(alarms.taken(), 0, "{held:?}");
}

#[tokio::test]
async fn a_bind_and_a_cancel_before_a_batch_arrives_are_about_its_executions() {
    a_bind_and_a_cancel(Held::OnItsWay).await;
}

#[tokio::test]
async fn a_bind_and_a_cancel_before_a_batch_is_answered_are_about_its_executions() {
    a_bind_and_a_cancel(Held::OnItsWayBack).await;
}

#[tokio::test]
async fn a_batch_under_way_is_noted_before_the_service_ends() {
    let (_scheduler, control, gate) = with_gate(Held::OnItsWayBack).await;
    let running = control.start();
    tokio::select! {
        answer = control.send(three()) => panic!("nobody let it go on: {answer:?}"),
        () = gate.came.notified() => {}
    }
    // The caller has left. Nobody but the service waits for the answer now.
    control.shutdown.request();
    let ending = async {
        for one in running {
            one.await.unwrap();
        }
    };
    let going_on = async { gate.may_go.notify_one() };
    tokio::join!(ending, going_on);
    for task in 1..=3 {
        let task: Value = control.task(task).await;
        assert_eq!(task["status"], "BOUND", "{task}");
    }
}
