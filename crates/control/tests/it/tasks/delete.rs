//! `DELETE /api/tasks/{id}`.

use serde_json::json;
use taskpilot_e2e::ports::ReservedPort;

use crate::ours;
use crate::world::{Answer, Call, Control, before, clock};

async fn delete(control: &Control, task: i64) -> Answer {
    control
        .send(Call::delete(&format!("/api/tasks/{task}")))
        .await
}

#[tokio::test]
async fn a_task_that_is_not_bound_is_deleted_once_and_for_all() {
    let control = before(&ReservedPort::take().unwrap().url());
    let task = control.create().await;
    assert_eq!(delete(&control, task).await.status, 204);
    assert_eq!(delete(&control, task).await.status, 204);
    let read = control.send(Call::get(&format!("/api/tasks/{task}"))).await;
    assert_eq!(read.refusal(), (404, "task_not_found"));
    assert_eq!(control.bind(task).await.refusal(), (404, "task_not_found"));
    let never = delete(&control, task + 1).await;
    assert_eq!(never.refusal(), (404, "task_not_found"));
}

#[tokio::test]
async fn a_key_of_a_deleted_task_creates_no_other() {
    let control = before(&ReservedPort::take().unwrap().url());
    let body = json!({"type": "demo"});
    let create = || control.send(Call::post("/api/tasks", &body).header("idempotency-key", "k"));
    let id = create().await.body["id"].as_i64().unwrap();
    delete(&control, id).await;
    assert_eq!(create().await.refusal(), (410, "task_deleted"));
    let list = control.send(Call::get("/api/tasks")).await;
    assert_eq!(list.body["items"], json!([]));
}

#[tokio::test]
async fn a_task_that_is_binding_is_not_deleted() {
    let control = before(&ReservedPort::take().unwrap().url());
    let task = control.create().await;
    control.bind(task).await;
    assert_eq!(
        delete(&control, task).await.refusal(),
        (409, "task_binding")
    );
    assert_eq!(control.task(task).await["status"], "BINDING");
}

#[tokio::test]
async fn a_bound_task_is_deleted_when_its_execution_has_ended() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = before(&scheduler.url());
    let (task, _) = control.bound().await;
    assert_eq!(
        delete(&control, task).await.refusal(),
        (409, "task_running")
    );
    assert_eq!(control.cancel(task).await.status, 204);
    assert_eq!(delete(&control, task).await.status, 204);
    assert_eq!(delete(&control, task).await.status, 204);
}

#[tokio::test]
async fn a_bound_task_is_not_deleted_while_the_scheduler_does_not_answer() {
    let scheduler = ours::start(clock()).await;
    let control = before(&scheduler.url());
    let (task, _) = control.bound().await;
    let control = control.restart(&ReservedPort::take().unwrap().url());
    let refused = delete(&control, task).await;
    assert_eq!(
        refused.problem(),
        (503, "scheduler_unavailable", Some("not_applied"))
    );
    assert_eq!(control.task(task).await["status"], "BOUND");
    let other = ours::start(clock()).await;
    let control = control.restart(&other.url());
    assert_eq!(delete(&control, task).await.status, 204, "it is not there");
}
