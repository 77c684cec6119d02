//! `PUT /tasks/by-key/{key}/cancel`.

use serde_json::json;

use crate::service::{Call, start};

fn cancel(key: &str) -> Call {
    Call::put(&format!("/tasks/by-key/{key}/cancel"))
}

#[tokio::test]
async fn a_key_that_was_never_seen_is_canceled_and_never_runs() {
    let service = start().await;
    let tombstone = service.send(cancel("k1")).await;
    insta::assert_json_snapshot!(tombstone.shown());
    let create = Call::post("/tasks", &json!({"type": "demo"})).header("idempotency-key", "k1");
    let created = service.send(create).await;
    assert_eq!((created.status, created.id()), (201, tombstone.id()));
    assert_eq!(created.body["status"], "CANCELED");
    let worker = service.register(1).await;
    assert_eq!(service.say(worker.claim(1)).await["grants"], json!([]));
}

#[tokio::test]
async fn a_key_stands_for_its_execution() {
    let service = start().await;
    let create = Call::post("/tasks", &json!({"type": "demo"})).header("idempotency-key", "k1");
    let id = service.send(create).await.id();
    let canceled = service
        .send(cancel("k1").json(&json!({"reason": "no"})))
        .await;
    assert_eq!((canceled.status, canceled.id()), (200, id));
    assert_eq!(canceled.body["cancel"]["reason"], "no");
    let mut again = canceled.body;
    again["cancel"]["laterRequestCount"] = json!(1);
    assert_eq!(service.send(cancel("k1")).await.body, again);
}

#[tokio::test]
async fn a_key_of_another_namespace_is_another_key() {
    let service = start().await;
    let create = Call::post("/tasks", &json!({"type": "demo"})).header("idempotency-key", "k1");
    let id = service.send(create).await.id();
    let elsewhere = service
        .send(cancel("k1").header("taskpilot-namespace", "b"))
        .await;
    assert_ne!(elsewhere.id(), id);
    assert_eq!(service.execution(id).await["status"], "PENDING");
}

#[tokio::test]
async fn a_guard_that_it_does_not_have_is_refused() {
    let service = start().await;
    let answer = service
        .send(cancel("k1").json(&json!({"reference": "task 7"})))
        .await;
    assert_eq!(answer.code(), (422, "invalid_body"));
    assert_eq!(answer.body["field"], "reference");
    assert_eq!(
        service.send(cancel("a%20b")).await.code(),
        (400, "invalid_id")
    );
    assert_eq!(
        service.send(Call::get("/tasks")).await.body["items"],
        json!([])
    );
}
