//! A cancel that comes while its task is being bound.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use serde_json::json;
use taskpilot_api::extensions::Extensions;
use taskpilot_api::headers::EXTENSIONS;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::{Namespace, PrincipalName};
use taskpilot_server::clock::Clock;
use taskpilot_store::control::ControlStore;
use taskpilot_store::rows::bindings::{CancelIntent, IntendCancelOutcome};
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

/// Like ours, but it says what it offers only when it may.
async fn scheduler(asked: Arc<Asked>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let of_ours = |response: axum::response::Response| {
        let name = HeaderName::from_static(EXTENSIONS);
        ([(name, Extensions::all().to_header())], response).into_response()
    };
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

async fn intend(control: &Control, task: i64) {
    let (home, id) = (Namespace::default_namespace(), TaskId::new(task).unwrap());
    let intent = CancelIntent {
        requested_at: control.clock.now(),
        requested_by: PrincipalName::local(),
        reason: None,
    };
    let now = intent.requested_at;
    let intended = control.store.intend_cancel(now, &home, id, intent).await;
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
        intend(&control, task).await;
        asked.may_go.notify_one();
    };
    let (bound, ()) = tokio::join!(bind, wish);
    assert_eq!(bound.status, 201, "{bound:?}");
    assert_eq!(*asked.calls.lock().unwrap(), ["cancel", "create"]);
}
