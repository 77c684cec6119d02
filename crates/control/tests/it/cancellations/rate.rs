//! `maxPerSecond`: so many items in a second and no more, whatever came between.

use serde_json::{Value, json};
use taskpilot_e2e::stand_in::{Manner, StandIn};

use super::scene::with_scheduler;
use crate::ours::{self, Ours};
use crate::world::{Call, Control, HURRIED, before, clock, start};

/// Creates tasks and binds them.
async fn bound(control: &Control, count: usize) -> Vec<i64> {
    let item = json!({"type": "demo", "bind": true});
    let items = vec![item; count];
    let batch = Call::post("/api/tasks/batch", &json!({"items": items}));
    let created = control.send(batch).await;
    assert_eq!(created.status, 200, "{created:?}");
    let items = created.body["items"].as_array().unwrap().iter();
    items
        .map(|item| item["task"]["id"].as_i64().unwrap())
        .collect()
}

/// Lets so much time pass, and all run that is due then: how many items are canceled by now.
async fn canceled_after(control: &Control, id: i64, ms: u64) -> Value {
    control.clock.advance(ms);
    control.tick().await;
    control.cancellation(id).await["counts"]["canceled"].clone()
}

#[tokio::test]
async fn a_portion_is_decided_and_the_next_when_it_is_due() {
    let (_scheduler, control) = with_scheduler().await;
    let ids = bound(&control, 9).await;
    let begun = control.ask(&json!({"ids": ids, "maxPerSecond": 20})).await;
    assert_eq!(begun.body["maxPerSecond"], 20);
    let id = begun.body["id"].as_i64().unwrap();
    for (ms, canceled) in [(0, 2), (0, 2), (99, 2), (1, 4)] {
        assert_eq!(canceled_after(&control, id, ms).await, canceled);
    }
    // Nobody looked for an hour: nothing is made up for.
    for (ms, canceled) in [(3_600_000, 6), (0, 6), (100, 8), (100, 9)] {
        assert_eq!(canceled_after(&control, id, ms).await, canceled);
    }
    let done = control.cancellation(id).await;
    assert_eq!(done["status"], "COMPLETED");
    assert_eq!(done["maxPerSecond"], 20);
}

#[tokio::test]
async fn the_next_life_keeps_to_it_and_goes_on() {
    let (scheduler, mut control) = with_scheduler().await;
    let ids = bound(&control, 7).await;
    let id = control
        .begin(&json!({"ids": ids, "maxPerSecond": 20}))
        .await;
    assert_eq!(canceled_after(&control, id, 0).await, 2);
    for (ms, canceled) in [(0, 2), (99, 2), (1, 4), (50, 4), (50, 6), (100, 7)] {
        control = control.restart(&scheduler.url());
        assert_eq!(canceled_after(&control, id, ms).await, canceled, "{ms}");
    }
    assert_eq!(control.cancellation(id).await["status"], "COMPLETED");
}

#[tokio::test]
async fn what_is_canceled_one_by_one_keeps_to_it_too() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let ids = bound(&control, 75).await;
    // A portion is more than are asked for at once, and the whole of it follows.
    let id = control
        .begin(&json!({"ids": ids, "maxPerSecond": 700}))
        .await;
    for (ms, canceled) in [(0, 70), (99, 70), (1, 75)] {
        assert_eq!(canceled_after(&control, id, ms).await, canceled);
        assert_eq!(json!(scheduler.cancels().len()), canceled);
    }
}

/// A scheduler behind a wire that is cut.
async fn cut_off() -> (Ours, StandIn, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let wire = StandIn::start().await.unwrap();
    wire.behave(Manner::HangsUp);
    let control = start(&wire.url(), clock, HURRIED);
    (scheduler, wire, control)
}

#[tokio::test]
async fn what_is_being_bound_keeps_to_it_too() {
    let (scheduler, wire, control) = cut_off().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let task = control.create().await;
        assert_eq!(control.bind(task).await.status, 503);
        ids.push(task);
    }
    let id = control.begin(&json!({"ids": ids, "maxPerSecond": 1})).await;
    assert!(control.try_tick().await.is_err());
    wire.behave(Manner::Forwards(scheduler.address));
    assert_eq!(canceled_after(&control, id, 0).await, 1);
    assert_eq!(control.standing(ids[1]).await.0, "BINDING");
    assert_eq!(canceled_after(&control, id, 999).await, 1);
    assert_eq!(canceled_after(&control, id, 1).await, 2);
}

#[tokio::test]
async fn one_that_waits_takes_no_place_of_the_others() {
    let (_scheduler, control) = with_scheduler().await;
    let ids = bound(&control, 40).await;
    let mut slow = Vec::new();
    for pair in ids[..32].chunks(2) {
        slow.push(
            control
                .begin(&json!({"ids": pair, "maxPerSecond": 1}))
                .await,
        );
    }
    control.tick().await;
    let done = control.carry_out(&json!({"ids": ids[32..]})).await;
    assert_eq!(
        (&done["status"], &done["total"]),
        (&json!("COMPLETED"), &json!(8))
    );
    for id in slow {
        assert_eq!(control.cancellation(id).await["counts"]["canceled"], 1);
    }
}

#[tokio::test]
async fn one_that_cannot_come_on_does_not_slow_down_one_that_waits() {
    let (scheduler, control) = with_scheduler().await;
    let wire = StandIn::start().await.unwrap();
    wire.behave(Manner::Forwards(scheduler.address));
    let ids = bound(&control, 3).await;
    let control = control.restart_as(&wire.url(), HURRIED);
    let slow = json!({"ids": ids[..2], "maxPerSecond": 1});
    let slow = control.begin(&slow).await;
    assert_eq!(canceled_after(&control, slow, 0).await, 1);
    wire.behave(Manner::HangsUp);
    control.begin(&json!({"ids": ids[2..]})).await;
    assert_eq!(
        control.try_tick().await,
        Ok(()),
        "the next look is when it is due"
    );
    control.clock.advance(1_000);
    assert!(control.try_tick().await.is_err(), "none can come on");
}

#[tokio::test]
async fn one_that_waits_is_given_up_at_once() {
    let (_scheduler, control) = with_scheduler().await;
    let ids = bound(&control, 2).await;
    let id = control.begin(&json!({"ids": ids, "maxPerSecond": 1})).await;
    assert_eq!(canceled_after(&control, id, 0).await, 1);
    let path = format!("/api/cancellations/{id}/cancel");
    assert_eq!(control.send(Call::put(&path)).await.status, 200);
    assert_eq!(canceled_after(&control, id, 0).await, 1);
    let done = control.cancellation(id).await;
    assert_eq!(done["status"], "CANCELED");
    assert!(done["completedAt"].is_string(), "{done}");
}
