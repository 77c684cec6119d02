//! A cancel that comes while its task is being bound.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::{Value, json};
use taskpilot_api::extensions::Extensions;
use taskpilot_api::headers::EXTENSIONS;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::{Namespace, PrincipalName};
use taskpilot_server::clock::{Clock, ManualClock};
use taskpilot_store::control::ControlStore;
use taskpilot_store::rows::bindings::{CancelIntent, IntendCancelOutcome};
use taskpilot_store_sqlite::SqliteControlStore;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::world::{Call, Control, before};

/// What a scheduler was asked for, and the way past the first question.
#[derive(Default)]
struct Asked {
    calls: Mutex<Vec<&'static str>>,
    came: Notify,
    may_go: Notify,
}

impl Asked {
    fn note(&self, call: &'static str) {
        self.calls.lock().unwrap().push(call);
    }
}

/// Announces what ours does.
fn of_ours(response: Response) -> Response {
    let name = HeaderName::from_static(EXTENSIONS);
    ([(name, Extensions::all().to_header())], response).into_response()
}

/// Like ours, but it says what it offers only when it may.
async fn scheduler(asked: Arc<Asked>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (probed, created, canceled) = (Arc::clone(&asked), Arc::clone(&asked), asked);
    let probe = move || async move {
        probed.came.notify_one();
        probed.may_go.notified().await;
        of_ours(StatusCode::NOT_FOUND.into_response())
    };
    let create = move || async move {
        created.note("create");
        let answer = Json(json!({"id": 7, "status": "CANCELED"}));
        of_ours((StatusCode::CREATED, answer).into_response())
    };
    let cancel = move || async move {
        canceled.note("cancel");
        of_ours(Json(json!({"id": 7, "status": "CANCELED"})).into_response())
    };
    let router = axum::Router::new()
        .route("/tasks/{id}", get(probe))
        .route("/tasks", post(create))
        .route("/tasks/by-key/{key}/cancel", put(cancel));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn intend(store: &SqliteControlStore, clock: &ManualClock, task: i64) {
    let (home, id) = (Namespace::default_namespace(), TaskId::new(task).unwrap());
    let intent = CancelIntent {
        requested_at: clock.now(),
        requested_by: PrincipalName::local(),
        reason: None,
        cascade: false,
        request_id: None,
    };
    let now = intent.requested_at;
    let intended = store.intend_cancel(now, &home, id, intent).await;
    assert!(matches!(
        intended.unwrap(),
        IntendCancelOutcome::Intended(_)
    ));
}

#[tokio::test]
async fn a_wish_that_was_committed_before_the_create_is_carried_out_before_it() {
    let asked = Arc::new(Asked::default());
    let control = before(&scheduler(Arc::clone(&asked)).await);
    let task = control.create().await;
    let bind = control.send(Call::post(
        &format!("/api/tasks/{task}/scheduler"),
        &json!({}),
    ));
    let wish = async {
        asked.came.notified().await;
        intend(&control.store, &control.clock, task).await;
        asked.may_go.notify_one();
    };
    let (bound, ()) = tokio::join!(bind, wish);
    assert_eq!(bound.status, 201, "{bound:?}");
    assert_eq!(*asked.calls.lock().unwrap(), ["cancel", "create"]);
}

/// How a task is named that is wanted no more before the second call.
const LAST: i64 = 1_000;

/// What a scheduler was sent: the payloads of a batch, or the name of another call.
type Calls = Arc<Mutex<Vec<Value>>>;

/// A control plane before a scheduler like ours. While that is busy with the first batch, somebody wants
/// to cancel the last task.
async fn before_batches() -> (Control, Calls) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let control = before(&format!("http://{}", listener.local_addr().unwrap()));
    let (store, clock) = (control.store.clone(), control.clock.clone());
    let calls = Calls::default();
    let (batches, creates, cancels) = (calls.clone(), calls.clone(), calls.clone());
    let batch = move |Json(body): Json<Value>| async move {
        let payload = |item: &Value| item["task"]["payload"]["n"].clone();
        let items: Vec<Value> = body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(payload)
            .collect();
        if items[0] == 1 {
            intend(&store, &clock, LAST).await;
        }
        let answer = |n: &Value| json!({"execution": {"id": n, "status": "PENDING"}});
        let answers: Vec<Value> = items.iter().map(answer).collect();
        batches.lock().unwrap().push(items.into());
        of_ours(Json(json!({"items": answers, "next": null})).into_response())
    };
    let create = move || async move {
        creates.lock().unwrap().push("create".into());
        let answer = Json(json!({"id": LAST, "status": "CANCELED"}));
        of_ours((StatusCode::CREATED, answer).into_response())
    };
    let cancel = move || async move {
        cancels.lock().unwrap().push("cancel".into());
        of_ours(Json(json!({"id": LAST, "status": "CANCELED"})).into_response())
    };
    let router = axum::Router::new()
        .route(
            "/tasks/{id}",
            get(|| async { of_ours(StatusCode::NOT_FOUND.into_response()) }),
        )
        .route("/tasks", post(create))
        .route("/tasks/batch", post(batch))
        .route("/tasks/by-key/{key}/cancel", put(cancel));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (control, calls)
}

#[tokio::test]
async fn a_wish_that_was_committed_between_two_portions_of_a_batch_is_carried_out() {
    let (control, calls) = before_batches().await;
    // With the options written out they are more than one body takes.
    let item = |n| json!({"type": "demo", "payload": {"n": n, "x": "x".repeat(900)}, "bind": true});
    let items: Vec<Value> = (1..=LAST).map(item).collect();
    let call = Call::post("/api/tasks/batch", &json!({"items": items}));
    let answers = control.send(call).await.body;
    let answers = answers["items"].as_array().unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| answer["task"]["status"] == "BOUND")
    );
    let calls = calls.lock().unwrap();
    let [first, second, rest @ ..] = &calls[..] else {
        panic!("{calls:?}");
    };
    let sent = [first, second].map(|batch| batch.as_array().unwrap().clone());
    let sent = sent.concat();
    assert!(!sent.contains(&json!(LAST)));
    assert_eq!(sent.len() + 1, items.len());
    assert_eq!(rest, ["cancel", "create"]);
}
