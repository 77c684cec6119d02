//! `PUT /api/tasks/{id}/execution/release-stuck`.

use serde_json::json;
use taskpilot_client::transport::Policy;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::stand_in::StandIn;

use crate::ours;
use crate::world::{Call, HURRIED, before, clock, start};

fn release(task: i64, reason: &str) -> Call {
    Call::put(&format!("/api/tasks/{task}/execution/release-stuck"))
        .json(&json!({ "reason": reason }))
}

#[tokio::test]
async fn a_release_is_passed_on_in_the_name_of_the_caller() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    let (task, _) = control.bound().await;
    let work = scheduler.start_work().await;
    let refused = control.send(release(task, "too early")).await;
    let not_applied = Some("not_applied");
    assert_eq!(refused.problem(), (409, "stop_not_stuck", not_applied));
    control.cancel(task).await;
    work.give_up("stuck").await;
    let released = control.send(release(task, "the host is off")).await;
    assert_eq!(released.status, 200);
    let stop = &released.body["stop"];
    assert_eq!(
        (&stop["status"], &stop["released"]["by"]),
        (&json!("STUCK"), &json!("local"))
    );
    assert_eq!(stop["released"]["reason"], "the host is off");
    assert_eq!(control.view(task).await.body, released.body);
    let again = control.send(release(task, "again")).await;
    assert_eq!((again.status, again.body), (200, released.body));
    for body in [json!({}), json!({"reason": " "})] {
        let path = format!("/api/tasks/{task}/execution/release-stuck");
        let answer = control.send(Call::put(&path).json(&body)).await;
        assert_eq!(answer.refusal(), (422, "invalid_body"));
    }
}

#[tokio::test]
async fn what_has_no_execution_or_no_such_scheduler_is_not_released() {
    let stand_in = StandIn::start().await.unwrap();
    let control = before(&stand_in.url());
    let (task, _) = control.bound().await;
    let answer = control.send(release(task, "x")).await;
    let not_applied = Some("not_applied");
    assert_eq!(
        answer.problem(),
        (501, "scheduler_unsupported", not_applied)
    );
    let unbound = control.create().await;
    let answer = control.send(release(unbound, "x")).await;
    assert_eq!(answer.refusal(), (409, "task_not_bound"));
    let answer = control.send(release(unbound + 1, "x")).await;
    assert_eq!(answer.refusal(), (404, "task_not_found"));

    let nobody = ReservedPort::take().unwrap();
    let control = control.restart_as(&nobody.url(), HURRIED);
    let answer = control.send(release(task, "x")).await;
    assert_eq!(
        answer.problem(),
        (503, "scheduler_unavailable", not_applied)
    );
}
