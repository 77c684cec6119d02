//! Cancels while a task is binding: the intent is committed, and carried out whatever happens.

use std::sync::Arc;

use serde_json::{Value, json};
use taskpilot_client::transport::Policy;
use taskpilot_domain::limits::CREATES_AT_ONCE_MAX;
use taskpilot_e2e::stand_in::{Manner, StandIn};
use taskpilot_e2e::wait::{SOON, wait_until};
use tokio::task::JoinSet;

use crate::ours::{self, Ours};
use crate::world::{Call, Control, FORGOTTEN_MS, HURRIED, PATIENT, clock, start};

async fn with_way() -> (Ours, StandIn, Control) {
    with_way_and(Policy::default()).await
}

async fn with_way_and(policy: Policy) -> (Ours, StandIn, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let way = StandIn::start_as(Manner::Forwards(scheduler.address))
        .await
        .unwrap();
    let control = start(&way.url(), clock, policy);
    (scheduler, way, control)
}

fn canceled_by(reason: &str) -> Value {
    json!({"reason": reason})
}

async fn cancel_for(control: &Control, task: i64, reason: &str) -> crate::world::Answer {
    let call = Call::put(&format!("/api/tasks/{task}/execution/cancel"));
    control.send(call.json(&canceled_by(reason))).await
}

/// Why the cancel was asked for, the first time and later.
fn asked_for(view: &Value) -> Vec<&str> {
    let cancel = &view["cancel"];
    let later = cancel["laterRequests"].as_array().unwrap().iter();
    assert_eq!(cancel["laterRequestCount"], later.len());
    std::iter::once(cancel)
        .chain(later)
        .map(|asked| asked["reason"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_intent_outlives_the_outage_and_the_crash_and_nothing_runs() {
    let (scheduler, mut way, control) = with_way().await;
    way.refuse().await;
    let task = control.create().await;
    control.bind(task).await;
    let away = cancel_for(&control, task, "first").await;
    assert_eq!(
        away.problem(),
        (503, "scheduler_unavailable", Some("unknown"))
    );
    assert!(away.header("retry-after").is_some());
    cancel_for(&control, task, "second").await;

    let control = control.restart(&way.url());
    way.listen().await.unwrap();
    control.tick().await;
    let (status, error, execution) = control.standing(task).await;
    assert_eq!((status.as_str(), error), ("BOUND", None));
    let view = control.view(task).await.body;
    assert_eq!(
        (&view["status"], &view["attemptCount"]),
        (&json!("CANCELED"), &json!(0))
    );
    assert_eq!(view["cancel"]["requestedBy"], "local");
    assert_eq!(asked_for(&view), ["first", "second"]);
    assert_eq!(scheduler.executions().await, [execution.unwrap()]);
    // By the key and before the create.
    let commands: Vec<bool> = way
        .seen()
        .iter()
        .filter(|seen| seen.method != "GET")
        .map(|seen| seen.path.starts_with("/tasks/by-key/"))
        .collect();
    assert_eq!(commands, [true, true, false]);
}

/// Who comes first when the scheduler is there again asks for what others had asked for before.
#[tokio::test]
async fn an_intent_that_is_owed_is_carried_out_before_the_next_cancel() {
    let (_scheduler, mut way, control) = with_way().await;
    way.refuse().await;
    let task = control.create().await;
    control.bind(task).await;
    for reason in ["first", "second"] {
        assert_eq!(cancel_for(&control, task, reason).await.status, 503);
    }
    let third = || cancel_for(&control, task, "third");
    assert_eq!(third().await.status, 503);
    way.listen().await.unwrap();
    assert_eq!(third().await.status, 204);
    assert_eq!(cancel_for(&control, task, "fourth").await.status, 204);
    control.reconcile().await;
    let view = control.view(task).await.body;
    assert_eq!(asked_for(&view), ["first", "second", "third", "fourth"]);
    way.forget();
    control.reconcile().await;
    assert_eq!(way.seen(), [], "nothing is owed");
}

#[tokio::test]
async fn an_intent_whose_answer_was_lost_is_not_another_request() {
    let (scheduler, way, control) = with_way_and(HURRIED).await;
    // From then on it is known what the scheduler offers.
    control.bound().await;
    let task = control.create().await;
    way.behave(Manner::HangsUp);
    control.bind(task).await;
    way.behave(Manner::ForwardsAndHangsUp(scheduler.address));
    assert_eq!(cancel_for(&control, task, "first").await.status, 503);
    way.behave(Manner::Forwards(scheduler.address));
    control.reconcile().await;
    let sent = way.seen();
    let sent = sent.iter().filter(|seen| seen.is_cancel()).count();
    assert!(sent > 1, "it was sent again");
    let view = control.view(task).await.body;
    assert_eq!(asked_for(&view), ["first"], "{view}");
}

#[tokio::test]
async fn a_cancel_does_not_wait_for_a_create_that_hangs() {
    let (scheduler, way, control) = with_way().await;
    let task = control.create().await;
    way.behave(Manner::Hangs.for_creates_else(Manner::Forwards(scheduler.address)));
    let control = Arc::new(control);
    let bind = tokio::spawn({
        let control = control.clone();
        async move { control.bind(task).await }
    });
    let sent = wait_until("the create is sent", SOON, || async {
        Ok((!way.creates().is_empty()).then_some(()))
    });
    sent.await.unwrap();
    assert_eq!(cancel_for(&control, task, "now").await.status, 204);
    way.behave(Manner::Forwards(scheduler.address));
    let bound = bind.await.unwrap();
    assert_eq!(
        (bound.status, &bound.body["status"]),
        (201, &json!("BOUND"))
    );
    assert_eq!(control.view(task).await.body["status"], "CANCELED");
}

#[tokio::test]
async fn a_cancel_that_is_answered_lets_the_task_show_its_execution() {
    let (_scheduler, mut way, control) = with_way().await;
    way.refuse().await;
    let task = control.create().await;
    control.bind(task).await;
    way.listen().await.unwrap();
    assert_eq!(cancel_for(&control, task, "now").await.status, 204);
    let bound = wait_until("the task is bound", SOON, || async {
        Ok((control.task(task).await["status"] == "BOUND").then_some(()))
    });
    bound.await.unwrap();
    assert_eq!(control.view(task).await.body["status"], "CANCELED");
    way.forget();
    control.reconcile().await;
    assert_eq!(way.seen(), []);
}

#[tokio::test]
async fn an_intent_that_came_too_late_for_the_key_is_carried_out_by_the_id() {
    let (scheduler, way, control) = with_way().await;
    let to = scheduler.address;
    way.behave(Manner::ForwardsAndHangsUp(to).for_creates_else(Manner::Forwards(to)));
    let task = control.create().await;
    control.bind(task).await;
    // The execution is there, and the control plane does not know it.
    let lost = Manner::Split {
        creates: Box::new(Manner::Forwards(to)),
        others: Box::new(Manner::HangsUp),
    };
    way.behave(lost);
    let away = cancel_for(&control, task, "late").await;
    assert_eq!(
        away.problem(),
        (503, "scheduler_unavailable", Some("unknown"))
    );
    assert_eq!(
        control.bind(task).await.problem(),
        (503, "scheduler_unavailable", Some("unknown"))
    );
    way.behave(Manner::Forwards(to));
    control.reconcile().await;
    assert_eq!(control.task(task).await["status"], "BOUND");
    let view = control.view(task).await.body;
    assert_eq!(
        (&view["status"], &view["cancel"]["reason"]),
        (&json!("CANCELED"), &json!("late"))
    );
    assert_eq!(scheduler.executions().await.len(), 1);
}

#[tokio::test]
async fn what_ended_under_the_key_cannot_be_canceled() {
    let (scheduler, way, control) = with_way().await;
    let to = scheduler.address;
    way.behave(Manner::ForwardsAndHangsUp(to).for_creates_else(Manner::Forwards(to)));
    let task = control.create().await;
    control.bind(task).await;
    scheduler
        .start_work()
        .await
        .end(&json!({"outcome": "succeeded", "result": 1}))
        .await;
    let refused = cancel_for(&control, task, "late").await;
    assert_eq!(
        refused.problem(),
        (409, "execution_conflict", Some("not_applied"))
    );
    way.behave(Manner::Forwards(to));
    control.reconcile().await;
    assert_eq!(control.task(task).await["status"], "BOUND");
    assert_eq!(control.view(task).await.body["status"], "SUCCEEDED");
}

#[tokio::test]
async fn a_cancel_of_what_is_forgotten_ends_with_the_loss_of_the_binding() {
    let (scheduler, way, control) = with_way().await;
    let to = scheduler.address;
    way.behave(Manner::ForwardsAndHangsUp(to).for_creates_else(Manner::Forwards(to)));
    let task = control.create().await;
    control.bind(task).await;
    let work = scheduler.start_work().await;
    work.end(&json!({"outcome": "succeeded", "result": 1}))
        .await;
    control.clock.advance(FORGOTTEN_MS);
    scheduler.tick().await;
    way.behave(Manner::Forwards(to));
    let refused = cancel_for(&control, task, "late").await;
    assert_eq!(refused.problem(), (500, "scheduler_error", Some("unknown")));
    control.reconcile().await;
    let lost = ("BINDING".into(), Some("binding_key_expired".into()), None);
    assert_eq!(control.standing(task).await, lost);
    way.forget();
    control.reconcile().await;
    assert_eq!(way.seen(), []);
}

#[tokio::test]
async fn a_flood_of_binds_leaves_room_for_cancels() {
    let (scheduler, way, control) = with_way_and(PATIENT).await;
    let to = scheduler.address;
    let task = control.create().await;
    way.behave(Manner::Hangs.for_creates_else(Manner::Forwards(to)));
    let control = Arc::new(control);
    // They wait for one create together, each with a connection of its caller; one is too many.
    let mut binds = JoinSet::new();
    for _ in 0..=CREATES_AT_ONCE_MAX {
        let control = control.clone();
        binds.spawn(async move { control.bind(task).await });
    }
    let first = binds.join_next().await.unwrap().unwrap();
    assert_eq!(first.problem(), (503, "overloaded", Some("not_applied")));
    assert_eq!(cancel_for(&control, task, "now").await.status, 204);
    assert!(binds.try_join_next().is_none(), "the others wait");
}
