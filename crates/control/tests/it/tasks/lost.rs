//! What is lost while the scheduler carries a command out: the store, or the time to wait.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::json;
use taskpilot_api::extensions::Extensions;
use taskpilot_api::headers::EXTENSIONS;
use taskpilot_client::transport::Policy;
use taskpilot_store_sqlite::SqliteControlStore;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::world::{Control, clock, start};

/// How the scheduler of a test takes a create.
#[derive(Clone)]
enum Creates {
    /// It is busy.
    Refused,
    /// After the store of the control plane was closed.
    WithoutStore,
    /// Told that it came, once it may go on.
    Gated(Arc<(Notify, Notify)>),
}

impl Creates {
    async fn answer(&self, store: &SqliteControlStore) -> Response {
        match self {
            Self::Refused => return of_ours(StatusCode::SERVICE_UNAVAILABLE),
            Self::WithoutStore => store.close(),
            Self::Gated(gate) => {
                gate.0.notify_one();
                gate.1.notified().await;
            }
        }
        let created = Json(json!({"id": 7, "status": "PENDING"}));
        of_ours((StatusCode::CREATED, created))
    }
}

/// Announces what ours does.
fn of_ours(response: impl IntoResponse) -> Response {
    let name = HeaderName::from_static(EXTENSIONS);
    let all = Extensions::all().to_header();
    ([(name, all)], response).into_response()
}

/// In front of a scheduler that closes the store before it answers a cancel by its key.
async fn before_scheduler(creates: Creates) -> Control {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let control = start(&url, clock(), Policy::default());
    let (store, also) = (Arc::clone(&control.store), Arc::clone(&control.store));
    let create = move || async move { creates.answer(&store).await };
    let cancel = move || async move {
        also.close();
        of_ours(Json(json!({"id": 7, "status": "CANCELED"})))
    };
    let none = || async { of_ours(StatusCode::NOT_FOUND) };
    let router = axum::Router::new()
        .route("/tasks/{id}", get(none))
        .route("/tasks", post(create))
        .route("/tasks/by-key/{key}/cancel", put(cancel));
    tokio::spawn(async move { axum::serve(listener, router).await });
    control
}

#[tokio::test]
async fn a_cancel_that_was_carried_out_is_told_although_it_cannot_be_noted() {
    let control = before_scheduler(Creates::Refused).await;
    let task = control.create().await;
    assert_eq!(control.bind(task).await.status, 500);
    assert_eq!(control.cancel(task).await.status, 204);
}

#[tokio::test]
async fn a_bind_that_was_carried_out_and_cannot_be_noted_may_have_been_applied() {
    let control = before_scheduler(Creates::WithoutStore).await;
    let task = control.create().await;
    let expected = (503, "storage_unavailable", Some("unknown"));
    assert_eq!(control.bind(task).await.problem(), expected);
}

#[tokio::test]
async fn a_create_under_way_is_noted_before_the_service_ends() {
    let gate = Arc::new((Notify::new(), Notify::new()));
    let control = before_scheduler(Creates::Gated(Arc::clone(&gate))).await;
    let running = control.start();
    let task = control.create().await;
    tokio::select! {
        bound = control.bind(task) => panic!("nobody let it go on: {bound:?}"),
        () = gate.0.notified() => {}
    }
    // The caller has left. Nobody but the service waits for the answer now.
    control.shutdown.request();
    let ending = async {
        for one in running {
            one.await.unwrap();
        }
    };
    let going_on = async { gate.1.notify_one() };
    tokio::join!(ending, going_on);
    let bound = control.task(task).await;
    assert_eq!(
        (&bound["status"], &bound["schedulerTaskId"]),
        (&json!("BOUND"), &json!(7))
    );
}
