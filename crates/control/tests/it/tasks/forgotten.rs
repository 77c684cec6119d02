//! Tasks whose execution the scheduler has forgotten, as it should.

use serde_json::json;
use taskpilot_client::transport::Policy;

use crate::alarms::Alarms;
use crate::ours::{self, Ours};
use crate::world::{Control, FORGOTTEN_MS, clock, start};

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
