//! `PUT /api/tasks/{id}/cancel`.

use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::stand_in::StandIn;

use crate::world::{Answer, Call, Control, before};

async fn withdraw(control: &Control, task: i64) -> Answer {
    control
        .send(Call::put(&format!("/api/tasks/{task}/cancel")))
        .await
}

#[tokio::test]
async fn a_task_that_is_not_bound_is_withdrawn_once_and_for_all() {
    let control = before(&ReservedPort::take().unwrap().url());
    let task = control.create().await;
    assert_eq!(withdraw(&control, task).await.status, 204);
    let withdrawn = control.task(task).await;
    assert_eq!(withdrawn["status"], "CANCELED");
    assert_eq!(withdraw(&control, task).await.status, 204);
    assert_eq!(control.task(task).await, withdrawn);
    assert_eq!(control.bind(task).await.refusal(), (409, "task_canceled"));
    assert_eq!(
        control.cancel(task).await.refusal(),
        (409, "task_not_bound")
    );
    assert_eq!(
        withdraw(&control, task + 1).await.refusal(),
        (404, "task_not_found")
    );
}

#[tokio::test]
async fn a_task_that_is_binding_or_bound_is_not_withdrawn() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (bound, _) = control.bound().await;
    assert_eq!(
        withdraw(&control, bound).await.refusal(),
        (409, "task_bound")
    );

    let control = before(&ReservedPort::take().unwrap().url());
    let binding = control.create().await;
    control.bind(binding).await;
    assert_eq!(
        withdraw(&control, binding).await.refusal(),
        (409, "task_binding")
    );
}
