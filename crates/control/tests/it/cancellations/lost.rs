//! Answers that are lost on the way: what was decided is told as it was decided.

use serde_json::{Value, json};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::CANCELLATION_ASK_MS;
use taskpilot_domain::names::Namespace;
use taskpilot_e2e::stand_in::{Manner, StandIn};
use taskpilot_store::cancellations::CancellationStore;
use taskpilot_store::rows::cancellations::{DecidedSlice, Matches};

use super::scene::{counts, id_of};
use crate::ours::{self, Ours};
use crate::world::{Call, Control, HURRIED, clock, start};

/// A scheduler behind a wire that can be cut.
async fn behind_a_wire() -> (Ours, StandIn, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let wire = StandIn::start().await.unwrap();
    wire.behave(Manner::Forwards(scheduler.address));
    let control = start(&wire.url(), clock, HURRIED);
    (scheduler, wire, control)
}

/// Lets the scheduler's time be known, as it is after the first call.
async fn know_the_time(control: &Control, id: i64) {
    let slice = DecidedSlice {
        known_at: Some(control.now()),
        ..DecidedSlice::default()
    };
    let kept = control
        .store
        .decide_items(control.now(), id_of(id), slice)
        .await;
    kept.unwrap().unwrap();
}

#[tokio::test]
async fn a_slice_whose_answer_was_lost_is_told_as_it_was_decided() {
    let (scheduler, wire, control) = behind_a_wire().await;
    let (before, _) = control.bound().await;
    assert_eq!(control.cancel(before).await.status, 204);
    control.clock.advance(10);
    let (running, _) = control.bound().await;
    let _work = scheduler.start_work().await;
    let (waiting, _) = control.bound().await;
    let id = control
        .begin(&json!({"ids": [before, running, waiting]}))
        .await;
    know_the_time(&control, id).await;
    wire.behave(Manner::ForwardsAndHangsUp(scheduler.address));
    control.clock.advance(10);
    assert!(control.try_tick().await.is_err());
    assert_eq!(control.cancellation(id).await["counts"], counts(&[]));
    wire.behave(Manner::Forwards(scheduler.address));
    assert_eq!(
        control.status(waiting).await,
        "CANCELED",
        "only the answer was lost"
    );
    control.clock.advance(10_000);
    // Also the next life tells it so.
    let control = control.restart_as(&wire.url(), HURRIED);
    control.tick().await;
    let done = control.cancellation(id).await;
    assert_eq!(done["status"], "COMPLETED");
    assert_eq!(done["counts"], counts(&[("canceled", 2), ("already", 1)]));
    for (task, count) in [(before, 1), (running, 0), (waiting, 0)] {
        let view = control.view(task).await.body;
        assert_eq!(view["cancel"]["laterRequestCount"], count, "{view}");
    }
}

#[tokio::test]
async fn what_was_on_its_way_when_it_was_given_up_is_told_too() {
    let (scheduler, wire, control) = behind_a_wire().await;
    let (waiting, _) = control.bound().await;
    let id = control.begin(&json!({"ids": [waiting]})).await;
    know_the_time(&control, id).await;
    wire.behave(Manner::ForwardsAndHangsUp(scheduler.address));
    assert!(control.try_tick().await.is_err());
    let given_up = Call::put(&format!("/api/cancellations/{id}/cancel"));
    assert_eq!(control.send(given_up).await.body["counts"], counts(&[]));
    wire.behave(Manner::Forwards(scheduler.address));
    control.tick().await;
    let done = control.cancellation(id).await;
    assert_eq!(done["status"], "CANCELED");
    assert_eq!(done["counts"], counts(&[("canceled", 1)]));
}

#[tokio::test]
async fn what_is_being_bound_is_canceled_before_it_can_begin() {
    let (scheduler, wire, control) = behind_a_wire().await;
    wire.behave(Manner::HangsUp);
    let task = control.create().await;
    assert_eq!(control.bind(task).await.status, 503);
    assert_eq!(control.standing(task).await.0, "BINDING");
    let id = control.begin(&json!({"ids": [task]})).await;
    assert!(control.try_tick().await.is_err());
    assert_eq!(control.cancellation(id).await["status"], "RUNNING");
    wire.behave(Manner::Forwards(scheduler.address));
    control.reconcile().await;
    let done = control.cancellation(id).await;
    assert_eq!(done["counts"], counts(&[("canceled", 1)]), "{done}");
    assert_eq!(control.status(task).await, "CANCELED");
    let view = control.view(task).await.body;
    assert_eq!(view["cancel"]["laterRequestCount"], 0, "{view}");
}

#[tokio::test]
async fn while_the_scheduler_is_away_nothing_is_decided_and_then_all_is() {
    let (scheduler, wire, control) = behind_a_wire().await;
    let (task, _) = control.bound().await;
    wire.behave(Manner::HangsUp);
    // The next life does not know what the scheduler can tell.
    let control = control.restart_as(&wire.url(), HURRIED);
    let state = json!({"filter": {"state": "PENDING"}});
    let refused = control.ask(&state).await;
    let told = refused.problem();
    assert_eq!((told.0, told.1), (503, "scheduler_unavailable"));
    let id = control.begin(&json!({"filter": {"type": "demo"}})).await;
    assert!(control.try_tick().await.is_err());
    assert_eq!(control.cancellation(id).await["status"], "MATCHING");
    wire.behave(Manner::Forwards(scheduler.address));
    control.tick().await;
    assert_eq!(control.cancellation(id).await["status"], "COMPLETED");
    assert_eq!(control.status(task).await, "CANCELED");
}

/// A slice of one task was sent, and is still on its way.
struct Delayed {
    scheduler: Ours,
    control: Control,
    task: i64,
    cancellation: i64,
    slice: Value,
    _wire: StandIn,
}

impl Delayed {
    /// Of a task that waits: it is meant whatever it does, or only while it runs.
    async fn of(target: &Value) -> Self {
        let (scheduler, wire, control) = behind_a_wire().await;
        let (task, _) = control.bound().await;
        let cancellation = control.begin(target).await;
        match_it(&control, cancellation, task).await;
        know_the_time(&control, cancellation).await;
        wire.behave(Manner::HangsUp);
        assert!(control.try_tick().await.is_err());
        let seen = wire.seen();
        let sent = seen.iter().rfind(|seen| seen.path == "/tasks/cancel-batch");
        let slice = serde_json::from_slice(&sent.unwrap().body).unwrap();
        wire.behave(Manner::Forwards(scheduler.address));
        Self {
            scheduler,
            control,
            task,
            cancellation,
            slice,
            _wire: wire,
        }
    }

    async fn arrive(&self) {
        let slice = Some(&self.slice);
        let (status, told) = self
            .scheduler
            .ask("POST", "/tasks/cancel-batch", slice)
            .await;
        assert_eq!(status, 200, "{told}");
    }

    async fn told(&self) -> (Value, Value) {
        let told = self.control.cancellation(self.cancellation).await;
        (told["status"].clone(), told["counts"].clone())
    }

    /// It does not come on.
    async fn waits(&self) {
        assert!(self.control.try_tick().await.is_err());
        let told = self.control.cancellation(self.cancellation).await;
        assert_eq!(told["counts"], counts(&[]));
        assert_eq!(told["completedAt"], Value::Null, "{told}");
    }

    fn too_late(&self) {
        self.control.clock.advance(CANCELLATION_ASK_MS + 1);
    }
}

/// Finds a task for a cancellation that looks for some.
async fn match_it(control: &Control, id: i64, task: i64) {
    let home = Namespace::default_namespace();
    let found = control.store.get_cancellation(&home, id_of(id)).await;
    let Some(from) = found.unwrap().unwrap().match_below else {
        return;
    };
    let matches = Matches {
        from,
        tasks: vec![TaskId::new(task).unwrap()],
        below: None,
    };
    let kept = control
        .store
        .add_matches(control.now(), id_of(id), matches)
        .await;
    kept.unwrap().unwrap();
}

#[tokio::test]
async fn a_slice_that_comes_after_its_repeat_cancels_nothing_that_was_told_to_be_left_alone() {
    let delayed = Delayed::of(&json!({"filter": {"state": "RUNNING"}})).await;
    delayed.waits().await;
    delayed.too_late();
    delayed.control.tick().await;
    let done = (json!("COMPLETED"), counts(&[("changed", 1)]));
    assert_eq!(delayed.told().await, done);
    let _work = delayed.scheduler.start_work().await;
    delayed.arrive().await;
    assert_eq!(delayed.control.status(delayed.task).await, "RUNNING");
}

#[tokio::test]
async fn a_slice_that_comes_late_and_in_time_is_told_as_it_was_decided() {
    let delayed = Delayed::of(&json!({"filter": {"state": "RUNNING"}})).await;
    delayed.waits().await;
    let _work = delayed.scheduler.start_work().await;
    delayed.arrive().await;
    delayed.control.tick().await;
    let done = (json!("COMPLETED"), counts(&[("canceled", 1)]));
    assert_eq!(delayed.told().await, done);
}

#[tokio::test]
async fn nothing_of_what_was_given_up_is_canceled_once_that_is_done() {
    for comes_in_time in [true, false] {
        let delayed = Delayed::of(&json!({"filter": {"type": "demo"}})).await;
        let path = format!("/api/cancellations/{}/cancel", delayed.cancellation);
        assert_eq!(delayed.control.send(Call::put(&path)).await.status, 200);
        delayed.waits().await;
        let (canceled, status) = if comes_in_time {
            delayed.arrive().await;
            (&[("canceled", 1)][..], "CANCELED")
        } else {
            delayed.too_late();
            (&[][..], "PENDING")
        };
        delayed.control.tick().await;
        assert_eq!(delayed.told().await, (json!("CANCELED"), counts(canceled)));
        delayed.arrive().await;
        assert_eq!(delayed.control.status(delayed.task).await, status);
    }
}
