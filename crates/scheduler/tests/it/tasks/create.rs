//! `POST /tasks` and `GET /tasks/{id}`.

use serde_json::{Value, json};

use crate::service::{Answer, Call, Service, start};

fn keyed(key: &str, body: &Value) -> Call {
    Call::post("/tasks", body).header("idempotency-key", key)
}

async fn code_of(service: &Service, body: &Value) -> (u16, String, Value) {
    let answer: Answer = service.send(Call::post("/tasks", body)).await;
    let (status, code) = answer.code();
    (status, code.to_owned(), answer.body["field"].clone())
}

#[tokio::test]
async fn a_plain_create_is_told_whole() {
    let service = start().await;
    let answer = service
        .send(Call::post(
            "/tasks",
            &json!({"type": "demo", "payload": "hello"}),
        ))
        .await;
    insta::assert_json_snapshot!(answer.shown());
    assert_eq!(service.execution(answer.id()).await, answer.body);
}

#[tokio::test]
async fn every_option_is_taken_and_told() {
    let service = start().await;
    let body = json!({
        "type": "report", "payload": {"n": 1.50, "list": [null]}, "reference": "task 7",
        "queue": "mail", "priority": -3, "scheduledFor": "2026-03-01T00:01:00Z", "maxAttempts": 5,
        "backoff": {"initialMs": 10, "maxMs": 100, "factor": 3.0}, "attemptTimeoutMs": 1000,
        "deadline": "2026-03-01T00:02:00Z", "cancelGraceMs": 0,
    });
    insta::assert_json_snapshot!(service.send(keyed("k1", &body)).await.shown());
}

#[tokio::test]
async fn a_repeated_key_answers_the_same_execution_as_it_is_now() {
    let service = start().await;
    let first = service
        .send(keyed(
            "k1",
            &json!({"type": "demo", "payload": {"a": 1, "b": 2}}),
        ))
        .await;
    service.cancel(first.id()).await;
    let other_spelling = json!({"payload": {"b": 2, "a": 1}, "type": "demo"});
    let again = service.send(keyed("\"k1\"", &other_spelling)).await;
    assert_eq!((again.status, again.id()), (201, first.id()));
    assert_eq!(again.body["status"], "CANCELED");
    assert_eq!(again.header("location"), Some("/tasks/1"));
}

#[tokio::test]
async fn a_key_with_another_body_is_a_mismatch() {
    let service = start().await;
    service.send(keyed("k1", &json!({"type": "demo"}))).await;
    let answer = service
        .send(keyed("k1", &json!({"type": "demo", "payload": 1})))
        .await;
    insta::assert_json_snapshot!(answer.shown());
    let elsewhere = keyed("k1", &json!({"type": "other"})).header("taskpilot-namespace", "b");
    assert_eq!(service.send(elsewhere).await.status, 201);
}

#[tokio::test]
async fn a_binding_key_older_than_keys_are_kept_is_refused() {
    let service = start().await;
    // A UUIDv7 of 22 February 2022.
    let old = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
    let answer = service.send(keyed(old, &json!({"type": "demo"}))).await;
    assert_eq!(answer.code(), (410, "binding_key_expired"));
}

#[tokio::test]
async fn a_repeat_is_answered_after_its_deadline_and_a_late_create_fails_by_it() {
    let service = start().await;
    let body = json!({"type": "demo", "deadline": "2026-03-01T00:00:01Z"});
    let first = service.send(keyed("k1", &body)).await;
    service.pass_ms(2_000).await;
    let again = service.send(keyed("k1", &body)).await;
    assert_eq!((again.status, again.id()), (201, first.id()));
    assert_eq!(again.body["status"], "FAILED");
    assert_eq!(
        code_of(&service, &body).await,
        (422, "invalid_body".into(), json!("deadline"))
    );
    let late = service.send(keyed("k2", &body)).await;
    service.pass_ms(1).await;
    assert_eq!(service.execution(late.id()).await["status"], "FAILED");
}

#[tokio::test]
async fn a_deadline_before_the_start_is_refused_with_a_key_too() {
    let service = start().await;
    let body = json!({"type": "demo", "scheduledFor": "2026-03-02T00:00:00Z",
        "deadline": "2026-03-01T12:00:00Z"});
    let answer = service.send(keyed("k1", &body)).await;
    assert_eq!(answer.code(), (422, "invalid_body"));
    assert_eq!(answer.body["field"], "deadline");
}

#[tokio::test]
async fn each_wrong_field_is_named() {
    let service = start().await;
    for (field, value) in [
        ("type", json!("")),
        ("queue", json!("a b")),
        ("priority", json!(11)),
        ("scheduledFor", json!("tomorrow")),
        ("scheduledFor", json!("2046-01-01T00:00:00Z")),
        ("maxAttempts", json!(0)),
        ("attemptTimeoutMs", json!(0)),
        ("cancelGraceMs", json!(600_001)),
        ("reference", json!("x".repeat(256))),
    ] {
        let mut body = json!({"type": "demo"});
        body[field] = value;
        let expected = (422, "invalid_body".to_owned(), json!(field));
        assert_eq!(code_of(&service, &body).await, expected, "{body}");
    }
    insta::assert_json_snapshot!(
        service
            .send(Call::post(
                "/tasks",
                &json!({"type": "demo", "priority": 11})
            ))
            .await
            .shown()
    );
}

#[tokio::test]
async fn what_was_refused_created_nothing() {
    let service = start().await;
    for body in [
        json!({"type": "demo", "extra": 1}),
        json!([]),
        json!({"payload": 1}),
    ] {
        assert_eq!(
            service.send(Call::post("/tasks", &body)).await.code().0,
            422
        );
    }
    let malformed = Call::post("/tasks", &json!({"type": "demo"})).header("idempotency-key", "a b");
    assert_eq!(
        service.send(malformed).await.code(),
        (400, "invalid_header")
    );
    let list = service.send(Call::get("/tasks")).await;
    assert_eq!(list.body, json!({"items": [], "next": null}));
}

#[tokio::test]
async fn an_unknown_execution_is_not_found() {
    let service = start().await;
    insta::assert_json_snapshot!(service.send(Call::get("/tasks/7")).await.shown());
    let answer = service.send(Call::get("/tasks/0")).await;
    assert_eq!(answer.code(), (400, "invalid_id"));
    let answer = service.send(Call::get("/tasks/1?x=1")).await;
    assert_eq!(answer.code(), (400, "invalid_query"));
}
