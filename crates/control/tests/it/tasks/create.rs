//! `POST /api/tasks` and `GET /api/tasks/{id}`.

use serde_json::{Value, json};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::{Namespace, TaskType};
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_server::clock::Clock;
use taskpilot_store::control::ControlStore;
use taskpilot_store::rows::tasks::{CreateTaskOutcome, NewTask};

use crate::ours;
use crate::world::{Answer, Call, Control, before, clock, start};
use taskpilot_client::transport::Policy;

fn nobody() -> String {
    ReservedPort::take().unwrap().url()
}

async fn create(control: &Control, key: &str, body: &Value) -> Answer {
    control
        .send(Call::post("/api/tasks", body).header("idempotency-key", key))
        .await
}

#[tokio::test]
async fn a_task_is_created_and_read_back() {
    let control = before(&nobody());
    let body = json!({"type": "demo", "title": "T", "labels": {"b": "2", "a": "1"},
        "payload": {"z": 1, "a": [null]}});
    let created = control.send(Call::post("/api/tasks", &body)).await;
    assert_eq!(
        (created.status, created.header("location")),
        (201, Some("/api/tasks/1"))
    );
    insta::assert_json_snapshot!(created.body);
    assert_eq!(control.task(1).await, created.body);
}

#[tokio::test]
async fn a_payload_keeps_its_text() {
    let control = before(&nobody());
    let text = r#"{"z": 1.10, "z": 12345678901234567890123, "\u00e4": 1E+2}"#;
    let call = Call::post_text(
        "/api/tasks",
        &format!(r#"{{"type":"demo","payload":{text}}}"#),
    );
    assert_eq!(control.send(call).await.status, 201);
    let (namespace, id) = (Namespace::default_namespace(), TaskId::new(1).unwrap());
    let stored = control.store.get_task(&namespace, id).await.unwrap();
    assert_eq!(*stored.unwrap().payload, *text);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_created() {
    let control = before(&nobody());
    for (body, field) in [
        (json!({"type": ""}), "type"),
        (json!({"type": "a", "schedulerType": "b"}), "schedulerType"),
        (json!({"type": "a", "execution": {}}), "execution"),
        (
            json!({"type": "a", "bind": false, "execution": {}}),
            "execution",
        ),
        (
            json!({"type": "a", "bind": true, "execution": {"maxAttempts": 0}}),
            "execution.maxAttempts",
        ),
        (
            json!({"type": "a", "bind": true, "execution": {"deadline": "2026-02-01T00:00:00Z"}}),
            "execution.deadline",
        ),
        (
            json!({"type": "a", "bind": true, "execution": {"scheduledFor": "2099-01-01T00:00:00Z"}}),
            "execution.scheduledFor",
        ),
    ] {
        let refused = control.send(Call::post("/api/tasks", &body)).await;
        assert_eq!(refused.refusal(), (422, "invalid_body"), "{body}");
        assert_eq!(refused.body["field"], field, "{body}");
    }
    let missing = control.send(Call::get("/api/tasks/1")).await;
    assert_eq!(missing.refusal(), (404, "task_not_found"));
}

#[tokio::test]
async fn a_key_stands_for_one_task_and_one_body() {
    let control = before(&nobody());
    let first = create(
        &control,
        "k",
        &json!({"type": "demo", "payload": {"a": 1, "b": 2}}),
    )
    .await;
    let spelled = r#"{ "payload": {"b":2, "a":1}, "type": "d\u0065mo" }"#;
    let again = Call::post_text("/api/tasks", spelled).header("idempotency-key", "\"k\"");
    let again = control.send(again).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    let other = create(&control, "k", &json!({"type": "demo", "payload": 1})).await;
    assert_eq!(other.refusal(), (422, "idempotency_mismatch"));
    let second = create(
        &control,
        "l",
        &json!({"type": "demo", "payload": {"a": 1, "b": 2}}),
    )
    .await;
    assert_eq!(second.body["id"], 2);
}

#[tokio::test]
async fn a_create_that_binds_is_acknowledged_with_its_execution() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    let body = json!({"type": "demo", "schedulerType": "demo-slow", "payload": 7, "bind": true,
        "execution": {"queue": "mail", "priority": 3, "maxAttempts": 5,
            "scheduledFor": "2030-01-01T00:00:00Z", "deadline": "2031-01-01T00:00:00Z"}});
    let created = create(&control, "k", &body).await;
    assert_eq!(
        (created.status, &created.body["status"]),
        (201, &json!("BOUND"))
    );
    let execution = created.body["schedulerTaskId"].as_i64().unwrap();
    let (_, execution) = scheduler
        .ask("GET", &format!("/tasks/{execution}"), None)
        .await;
    for (member, value) in [
        ("type", json!("demo-slow")),
        ("payload", json!(7)),
        ("queue", json!("mail")),
        ("priority", json!(3)),
        ("maxAttempts", json!(5)),
        ("scheduledFor", json!("2030-01-01T00:00:00.000Z")),
        ("deadline", json!("2031-01-01T00:00:00.000Z")),
        ("reference", execution["idempotencyKey"].clone()),
    ] {
        assert_eq!(execution[member], value, "{member}");
    }
    let again = create(&control, "k", &body).await;
    assert_eq!((again.status, again.body), (201, created.body));
    assert_eq!(scheduler.executions().await.len(), 1);
}

#[tokio::test]
async fn a_create_that_cannot_bind_yet_is_acknowledged_all_the_same() {
    let control = before(&nobody());
    let body = json!({"type": "demo", "bind": true});
    let created = create(&control, "k", &body).await;
    let seen = (
        created.status,
        &created.body["status"],
        &created.body["bindError"]["code"],
    );
    assert_eq!(
        seen,
        (201, &json!("BINDING"), &json!("scheduler_unavailable"))
    );
    let clock = control.clock.clone();
    let scheduler = ours::start(clock).await;
    let control = control.restart(&scheduler.url());
    let bound = create(&control, "k", &body).await;
    assert_eq!(
        (bound.status, &bound.body["status"]),
        (201, &json!("BOUND"))
    );
    assert_eq!(scheduler.executions().await.len(), 1);
}

#[tokio::test]
async fn a_repeat_is_answered_although_its_deadline_has_passed() {
    let control = before(&nobody());
    let deadline = control.clock.now().plus_ms(60_000).to_string();
    let body = json!({"type": "demo", "bind": true, "execution": {"deadline": deadline}});
    let first = create(&control, "k", &body).await;
    assert_eq!(first.status, 201);
    control.clock.advance(120_000);
    let again = create(&control, "k", &body).await;
    assert_eq!((again.status, &again.body["id"]), (201, &first.body["id"]));
    let early = json!({"deadline": deadline, "scheduledFor": "2029-01-01T00:00:00Z"});
    let never = json!({"type": "demo", "bind": true, "execution": early});
    // What is new is judged as ever, with a key or without.
    for body in [&never, &body] {
        let refused = create(&control, "l", body).await;
        assert_eq!(refused.refusal(), (422, "invalid_body"));
        assert_eq!(refused.body["field"], "execution.deadline");
    }
    let next = control.create().await;
    assert_eq!(Some(next), again.body["id"].as_i64().map(|id| id + 1));
}

#[tokio::test]
async fn a_task_of_another_namespace_does_not_exist() {
    let control = before(&nobody());
    let elsewhere = NewTask {
        namespace: Namespace::new("elsewhere").unwrap(),
        kind: TaskType::new("demo").unwrap(),
        title: None,
        labels: [].into(),
        payload: "1".into(),
        key: None,
        bind: None,
        cloned_from: None,
        parent: None,
        repeat_only: false,
    };
    let created = control
        .store
        .create_tasks(control.clock.now(), vec![elsewhere])
        .await
        .unwrap();
    let [CreateTaskOutcome::Created(task, None)] = created.as_slice() else {
        panic!("{created:?}")
    };
    let path = format!("/api/tasks/{}", task.id);
    for call in [
        Call::get(&path),
        Call::put(&format!("{path}/cancel")),
        Call::post(&format!("{path}/scheduler"), &json!({})),
        Call::get(&format!("{path}/execution")),
        Call::put(&format!("{path}/execution/cancel")),
    ] {
        assert_eq!(control.send(call).await.refusal(), (404, "task_not_found"));
    }
    let list = control.send(Call::get("/api/tasks")).await;
    assert_eq!(list.body, json!({"items": [], "next": null}));
}
