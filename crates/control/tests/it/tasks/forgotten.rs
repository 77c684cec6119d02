//! Tasks whose execution the scheduler has forgotten, as it should.

use serde_json::{Value, json};
use taskpilot_client::transport::Policy;
use taskpilot_e2e::ports::ReservedPort;

use crate::alarms::Alarms;
use crate::ours::{self, Ours};
use crate::world::{Call, Control, FORGOTTEN_MS, clock, start};

/// A task that is bound, with an execution that has ended.
async fn with_ended() -> (Ours, Control, i64) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    let (task, _) = control.bound().await;
    assert_eq!(control.cancel(task).await.status, 204);
    (scheduler, control, task)
}

async fn forget(scheduler: &Ours, control: &Control) {
    control.clock.advance(FORGOTTEN_MS);
    scheduler.tick().await;
}

const NOT_FOUND: (u16, &str, Option<&str>) = (404, "scheduler_task_not_found", Some("not_applied"));

#[tokio::test]
async fn what_is_forgotten_in_its_time_is_no_cause_for_alarm() {
    let (scheduler, control, task) = with_ended().await;
    forget(&scheduler, &control).await;
    let alarms = Alarms::listen();
    assert_eq!(control.view(task).await.problem(), NOT_FOUND);
    assert_eq!(control.cancel(task).await.problem(), NOT_FOUND);
    assert_eq!(alarms.taken(), 0);
}

#[tokio::test]
async fn what_is_lost_before_its_time_is_a_cause_for_alarm() {
    let (_scheduler, control, task) = with_ended().await;
    let other = ours::start(control.clock.clone()).await;
    let control = control.restart(&other.url());
    let alarms = Alarms::listen();
    assert_eq!(control.view(task).await.problem(), NOT_FOUND);
    assert_eq!(alarms.taken(), 1);
    assert_eq!(control.cancel(task).await.problem(), NOT_FOUND);
    assert_eq!(alarms.taken(), 1);
}

#[tokio::test]
async fn an_execution_of_somebody_else_is_a_cause_for_alarm_at_any_time() {
    let (scheduler, control, task) = with_ended().await;
    forget(&scheduler, &control).await;
    let other = ours::start(control.clock.clone()).await;
    let body = json!({"type": "demo", "reference": "somebody else's"});
    let (_, theirs) = other.ask("POST", "/tasks", Some(&body)).await;
    assert_eq!(theirs["id"], control.task(task).await["schedulerTaskId"]);
    let control = control.restart(&other.url());
    let alarms = Alarms::listen();
    assert_eq!(control.view(task).await.problem(), NOT_FOUND);
    assert_eq!(alarms.taken(), 1);
}

#[tokio::test]
async fn a_list_says_that_an_execution_is_not_found_and_not_that_nobody_could_be_asked() {
    let (scheduler, control, forgotten) = with_ended().await;
    forget(&scheduler, &control).await;
    let (living, _) = control.bound().await;
    let told = async |control: &Control| -> Vec<(i64, Value, Value, Value)> {
        let list = control.send(Call::get("/api/tasks")).await.body;
        let items = list["items"].as_array().unwrap().iter();
        let words = items.map(|item| {
            let id = item["id"].as_i64().unwrap();
            let [execution, away, none] =
                ["execution", "executionUnavailable", "executionNotFound"]
                    .map(|name| item[name].clone());
            (id, execution, away, none)
        });
        words.collect()
    };
    let waiting = json!({"status": "PENDING", "phase": "READY", "cleanup": null});
    let expected = [
        (living, waiting, Value::Null, Value::Null),
        (forgotten, Value::Null, Value::Null, json!(true)),
    ];
    assert_eq!(told(&control).await, expected);
    let away = ReservedPort::take().unwrap();
    let control = control.restart(&away.url());
    let unknown = |task| (task, Value::Null, json!(true), Value::Null);
    assert_eq!(told(&control).await, [unknown(living), unknown(forgotten)]);
}

#[tokio::test]
async fn what_is_forgotten_runs_again_once_it_is_said_how() {
    let (scheduler, control, task) = with_ended().await;
    let execution = control.task(task).await["schedulerTaskId"].clone();
    forget(&scheduler, &control).await;
    let path = format!("/api/tasks/{task}/clone");
    let clone = async |body: Value| control.send(Call::post(&path, &body)).await;
    let refused = clone(json!({"bind": true})).await;
    assert_eq!(refused.problem(), NOT_FOUND);
    let detail = format!(
        "Scheduler task not found: {execution}. How it was run is not known any more: \
         name a schedulerType or options of the execution."
    );
    assert_eq!(refused.body["detail"], *detail);
    let again = clone(json!({"bind": true, "execution": {}})).await;
    assert_eq!(
        (again.status, &again.body["status"]),
        (201, &json!("BOUND"))
    );
    assert_eq!(clone(json!({})).await.status, 201);
}
