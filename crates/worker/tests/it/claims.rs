//! Claims: one in flight, numbered, repeated until they are answered.

use serde_json::{Value, json};

use crate::stand_in::{Kind, StandIn, grant, named};
use crate::worker::{Bench, wait_for_file, wait_until};

#[tokio::test]
async fn a_claim_whose_answer_is_lost_is_repeated_with_its_number() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Results]).await;
    let bench = Bench::new();
    let worker = bench.start(scheduler.url());
    let first = scheduler.next(Kind::Claim).await;
    let asked = first.body.clone();
    assert_eq!(
        asked,
        json!({"claimSeq": 1, "max": 4, "waitMs": 25_000}),
        "the first claim has nothing to hand in"
    );
    first.lose_the_answer();
    let repeat = scheduler.next(Kind::Claim).await;
    assert_eq!(repeat.body, asked);
    repeat.answer_with(503, json!({}));
    let repeat = scheduler.next(Kind::Claim).await;
    assert_eq!(repeat.body, asked);
    repeat.grant(&[grant(1, "demo", &json!(5))]);

    // Its result travels with the next claim.
    let second = scheduler.next(Kind::Claim).await;
    assert_eq!(
        (&second.body["claimSeq"], &second.body["waitMs"]),
        (&json!(2), &json!(25_000))
    );
    let results = scheduler.next(Kind::Results).await;
    assert_eq!(results.body["items"][0]["result"], json!({"echo": 5}));
    results.apply();
    worker.end().await;
}

#[tokio::test]
async fn a_grant_that_is_answered_twice_runs_once() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim]).await;
    let mut bench = Bench::with_scripts(&[
        ("run", "echo run >> @runs; exec sleep 600", ""),
        ("other", ": > @other; exec sleep 600", ""),
    ]);
    bench.drain = std::time::Duration::ZERO;
    let worker = bench.start(scheduler.url());
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(1, "run", &json!(1))]);
    wait_for_file(&bench.path("runs")).await;
    let again = scheduler.next(Kind::Claim).await;
    again.grant(&[grant(1, "run", &json!(1)), grant(2, "other", &json!(1))]);
    wait_for_file(&bench.path("other")).await;
    let third = scheduler.next(Kind::Claim).await;
    assert_eq!(third.body["max"], 2, "one slot for each of the two");
    worker.end().await;
    let runs = std::fs::read_to_string(bench.path("runs")).unwrap();
    assert_eq!(runs, "run\n");
}

#[tokio::test]
async fn a_slot_whose_result_is_not_answered_is_not_claimed_for() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Results]).await;
    let mut bench = Bench::with_scripts(&[("run", ": > @ran; exec sleep 600", "")]);
    (bench.slots, bench.drain) = (2, std::time::Duration::ZERO);
    let worker = bench.start(scheduler.url());
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(1, "demo", &json!(1))]);
    let waiting = scheduler.next(Kind::Claim).await;
    let results = scheduler.next(Kind::Results).await;
    waiting.grant(&[grant(2, "run", &json!(1))]);
    wait_for_file(&bench.path("ran")).await;
    // For the scheduler both slots are in use: a claim would wait for nothing.
    assert!(scheduler.has_none(Kind::Claim));
    results.apply();
    let next = scheduler.next(Kind::Claim).await;
    assert_eq!(next.body["max"], 1);
    worker.ask_to_end();
    scheduler.next(Kind::Results).await.apply();
    worker.ended().await.unwrap();
}

#[tokio::test]
async fn without_a_free_slot_nothing_is_claimed_and_a_result_frees_it_in_the_same_call() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim]).await;
    let script = "while [ ! -e @go ]; do sleep 0.01; done";
    let mut bench = Bench::with_scripts(&[("gate", script, "result = 'none'")]);
    bench.slots = 1;
    let worker = bench.start(scheduler.url());
    let claim = scheduler.next(Kind::Claim).await;
    assert_eq!(claim.body["max"], 1);
    claim.grant(&[grant(1, "gate", &json!(1))]);
    wait_until("it runs", || !bench.programs().is_empty()).await;
    assert!(scheduler.has_none(Kind::Claim));
    std::fs::write(bench.path("go"), "").unwrap();
    let next = scheduler.next(Kind::Claim).await;
    let result = &next.body["results"][0];
    assert_eq!(
        (&next.body["max"], &next.body["waitMs"], &result["outcome"]),
        (&json!(1), &json!(0), &json!("succeeded"))
    );
    assert_eq!(scheduler.heard(Kind::Results), [Value::Null; 0]);
    next.grant(&[]);
    let waiting = scheduler.next(Kind::Claim).await;
    assert_eq!(
        waiting.body,
        json!({"claimSeq": 3, "max": 1, "waitMs": 25_000})
    );
    worker.end().await;
}

#[tokio::test]
async fn what_is_granted_is_held_until_its_result_is_answered() {
    let mut scheduler = StandIn::with_heartbeat_ms(&[Kind::Claim, Kind::Results], 20).await;
    let bench = Bench::new();
    let worker = bench.start(scheduler.url());
    let says = |scheduler: &StandIn, held: Value, seq: u64| {
        let beat = scheduler.last_beat();
        (&beat["held"], &beat["claimSeq"]) == (&held, &json!(seq))
    };
    let claim = scheduler.next(Kind::Claim).await;
    wait_until("nothing is held", || says(&scheduler, json!([]), 0)).await;
    claim.grant(&[grant(1, "demo", &json!(1))]);
    let _second = scheduler.next(Kind::Claim).await;
    let results = scheduler.next(Kind::Results).await;
    wait_until("it is held", || says(&scheduler, json!([named(1)]), 1)).await;
    results.apply();
    wait_until("it is let go", || says(&scheduler, json!([]), 1)).await;
    worker.end().await;
    assert!(
        says(&scheduler, json!([]), 2),
        "the claim that was given up is closed before the goodbye"
    );
}
