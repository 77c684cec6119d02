//! `POST /api/tasks/{id}/clone`.

use serde_json::{Value, json};
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::stand_in::StandIn;

use crate::world::{Answer, Call, Control, before};

async fn clone(control: &Control, task: i64, body: &Value) -> Answer {
    let path = format!("/api/tasks/{task}/clone");
    control.send(Call::post(&path, body)).await
}

#[tokio::test]
async fn a_clone_is_the_same_work_as_a_task_of_its_own() {
    let control = before(&ReservedPort::take().unwrap().url());
    let body =
        json!({"type": "demo", "title": "T", "labels": {"a": "1"}, "payload": {"z": [null]}});
    let source = control.send(Call::post("/api/tasks", &body)).await.body;
    let cloned = clone(&control, 1, &json!({})).await;
    assert_eq!(
        (
            cloned.status,
            cloned.header("location"),
            cloned.header("etag")
        ),
        (201, Some("/api/tasks/2"), Some("\"1\""))
    );
    let mut expected = source;
    expected["id"] = json!(2);
    expected["clonedFrom"] = json!(1);
    assert_eq!(cloned.body, expected);
    assert_eq!(control.task(2).await, expected);
}

#[tokio::test]
async fn a_clone_under_a_key_is_made_once() {
    let control = before(&ReservedPort::take().unwrap().url());
    let (one, other) = (control.create().await, control.create().await);
    let keyed = async |task: i64| {
        let path = format!("/api/tasks/{task}/clone");
        let call = Call::post(&path, &json!({})).header("idempotency-key", "k");
        control.send(call).await
    };
    let first = keyed(one).await;
    assert_eq!(first.status, 201);
    assert_eq!(keyed(one).await.body, first.body);
    let refused = keyed(other).await;
    assert_eq!(refused.refusal(), (422, "idempotency_mismatch"));
}

async fn keyed(control: &Control, task: i64, body: &Value) -> Answer {
    let call = Call::post(&format!("/api/tasks/{task}/clone"), body);
    control.send(call.header("idempotency-key", "k")).await
}

#[tokio::test]
async fn a_clone_is_repeated_although_its_source_is_deleted() {
    let control = before(&ReservedPort::take().unwrap().url());
    let source = control.create().await;
    let first = keyed(&control, source, &json!({})).await;
    assert_eq!(first.status, 201);
    let delete = async |task: i64| {
        let call = Call::delete(&format!("/api/tasks/{task}"));
        assert_eq!(control.send(call).await.status, 204);
    };
    delete(source).await;
    let again = keyed(&control, source, &json!({})).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    let other = keyed(&control, source, &json!({"bind": true})).await;
    assert_eq!(other.refusal(), (422, "idempotency_mismatch"));
    delete(first.body["id"].as_i64().unwrap()).await;
    let gone = keyed(&control, source, &json!({})).await;
    assert_eq!(gone.refusal(), (410, "task_deleted"));
}

#[tokio::test]
async fn a_clone_is_repeated_while_the_scheduler_is_away() {
    let mut scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (source, _) = control.bound().await;
    let first = keyed(&control, source, &json!({"bind": true})).await;
    assert_eq!(
        (first.status, &first.body["status"]),
        (201, &json!("BOUND"))
    );
    scheduler.refuse().await;
    let again = keyed(&control, source, &json!({"bind": true})).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
}

#[tokio::test]
async fn a_clone_is_repeated_although_the_execution_of_its_source_is_forgotten() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (source, execution) = control.bound().await;
    let first = keyed(&control, source, &json!({"bind": true})).await;
    assert_eq!(
        (first.status, &first.body["status"]),
        (201, &json!("BOUND"))
    );
    scheduler.lose(execution);
    let again = keyed(&control, source, &json!({"bind": true})).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
}

#[tokio::test]
async fn what_cannot_be_cloned_is_refused_and_nothing_is_created() {
    let control = before(&ReservedPort::take().unwrap().url());
    let task = control.create().await;
    for (id, body, refusal) in [
        (task + 1, json!({}), (404, "task_not_found")),
        (task, json!({"execution": {}}), (422, "invalid_body")),
        (task, json!({"title": "x"}), (422, "invalid_body")),
    ] {
        assert_eq!(
            clone(&control, id, &body).await.refusal(),
            refusal,
            "{body}"
        );
    }
    let listed = control.send(Call::get("/api/tasks")).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_bound_task_is_run_again_as_it_was() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let body = json!({"type": "demo", "bind": true, "schedulerType": "other"});
    let source = control.send(Call::post("/api/tasks", &body)).await.body;
    assert_eq!(source["status"], "BOUND");
    let cloned = clone(&control, 1, &json!({"bind": true})).await.body;
    assert_eq!(
        (&cloned["status"], &cloned["clonedFrom"]),
        (&json!("BOUND"), &json!(1))
    );
    assert_ne!(cloned["schedulerTaskId"], source["schedulerTaskId"]);
}

#[tokio::test]
async fn nothing_is_created_where_the_scheduler_does_not_say_how_it_was() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (task, _) = control.bound().await;
    let control = control.restart(&ReservedPort::take().unwrap().url());
    let refused = clone(&control, task, &json!({"bind": true})).await;
    let (code, outcome) = (&refused.body["code"], &refused.body["outcome"]);
    assert_eq!(
        (refused.status, code, outcome),
        (503, &json!("scheduler_unavailable"), &json!("not_applied"))
    );
    let listed = control.send(Call::get("/api/tasks")).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
}
