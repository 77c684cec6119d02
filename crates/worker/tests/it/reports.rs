//! Reports that get lost, repeated or refused, and sessions that are over.

use serde_json::{Value, json};

use crate::stand_in::{Kind, StandIn, grant, named, order};
use crate::worker::{Bench, wait_for_file, wait_until};

const STUBBORN: &str = "trap '' TERM; : > @ready; while :; do sleep 0.1; done";

#[tokio::test]
async fn a_result_whose_answer_is_lost_is_handed_in_again() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Results]).await;
    let bench = Bench::new();
    let worker = bench.start(scheduler.url());
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(1, "demo", &json!(1))]);
    let first = scheduler.next(Kind::Results).await;
    let said = without_times(&first.body);
    first.lose_the_answer();
    let again = scheduler.next(Kind::Results).await;
    assert_eq!(without_times(&again.body), said);
    again.answer(
        json!({"verdicts": [{"executionId": 1, "attempt": 1, "verdict": "duplicate",
        "status": null}]}),
    );
    worker.end().await;
    assert_eq!(scheduler.heard(Kind::Results).len(), 2);
    let goodbyes = scheduler.heard(Kind::Goodbye);
    assert_eq!(goodbyes, [json!({"neverStarted": []})]);
}

fn without_times(body: &Value) -> Value {
    let mut body = body.clone();
    for item in body["items"].as_array_mut().unwrap() {
        item["agoMs"] = Value::Null;
    }
    body
}

#[tokio::test]
async fn a_hand_in_that_is_refused_harms_no_other_and_is_reported_bare() {
    let mut scheduler = StandIn::scripting(&[Kind::Claim, Kind::Results]).await;
    let bench = Bench::new();
    let worker = bench.start(scheduler.url());
    let claim = scheduler.next(Kind::Claim).await;
    let grants: Vec<Value> = (1..=3).map(|id| grant(id, "demo", &json!(id))).collect();
    claim.grant(&grants);
    let mut done = Vec::new();
    while done.len() < 3 {
        let results = scheduler.next(Kind::Results).await;
        let items = results.body["items"].as_array().unwrap().clone();
        let is_bad = |item: &Value| item["executionId"] == 2 && item["outcome"] == "succeeded";
        if items.iter().any(is_bad) {
            results.answer_with(422, json!({"code": "invalid", "detail": "no"}));
        } else {
            done.extend(items);
            results.apply();
        }
    }
    let bare = done.iter().find(|item| item["executionId"] == 2).unwrap();
    let error = json!({"code": "report_refused", "retryable": false,
        "message": "the scheduler did not accept the report of the end"});
    assert_eq!(
        (&bare["outcome"], &bare["error"]),
        (&json!("failed"), &error)
    );
    let others = done.iter().filter(|item| item["outcome"] == "succeeded");
    assert_eq!(others.count(), 2);
    worker.end().await;
}

#[tokio::test]
async fn stop_reports_are_repeated_and_travel_in_heartbeats_too() {
    let kinds = [Kind::Claim, Kind::Stops];
    let mut scheduler = StandIn::with_heartbeat_ms(&kinds, 20).await;
    let mut bench = Bench::with_scripts(&[("run", ": > @ready; exec sleep 600", "")]);
    bench.slots = 1;
    let worker = bench.start(scheduler.url());
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(1, "run", &json!(1))]);
    wait_for_file(&bench.path("ready")).await;
    scheduler.tell(&[order(1)], &[]);
    let stops = scheduler.next(Kind::Stops).await;
    assert_eq!(stops.body["items"][0]["stage"], "delivered");
    wait_until("a heartbeat carries it too", || {
        scheduler
            .heard(Kind::Heartbeat)
            .iter()
            .any(|beat| beat["stops"][0]["stage"] == "delivered")
    })
    .await;
    stops.lose_the_answer();
    let stops = scheduler.next(Kind::Stops).await;
    assert_eq!(stops.body["items"][0]["stage"], "delivered");
    stops.apply();
    let proof = scheduler.next(Kind::Claim).await;
    assert_eq!(proof.body["results"][0]["how"], "terminated");
    proof.grant(&[]);
    worker.ask_to_end();
    wait_until("no report is left", || {
        scheduler.last_beat()["stops"] == Value::Null
    })
    .await;
    worker.ended().await.unwrap();
}

#[tokio::test]
async fn an_attempt_that_is_named_lost_is_killed_and_not_spoken_of_again() {
    let mut scheduler = StandIn::with_heartbeat_ms(&[Kind::Claim], 20).await;
    let mut bench = Bench::with_scripts(&[("stubborn", STUBBORN, "")]);
    bench.slots = 1;
    let worker = bench.start(scheduler.url());
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(1, "stubborn", &json!(1))]);
    wait_for_file(&bench.path("ready")).await;
    scheduler.tell(&[], &[named(1)]);
    let next = scheduler.next(Kind::Claim).await;
    assert_eq!(
        bench.programs(),
        [0; 0],
        "the slot is free when nothing is left"
    );
    assert_eq!(next.body["results"], Value::Null);
    assert_eq!(scheduler.last_beat()["held"], json!([]));
    worker.end().await;
    assert_eq!(scheduler.heard(Kind::Results), [Value::Null; 0]);
}

#[tokio::test]
async fn a_session_that_is_over_is_followed_by_a_new_one_when_nothing_is_left() {
    let kinds = [Kind::Register, Kind::Claim];
    let mut scheduler = StandIn::with_heartbeat_ms(&kinds, 20).await;
    let bench = Bench::with_scripts(&[("stubborn", STUBBORN, "")]);
    let worker = bench.start(scheduler.url());
    scheduler.next(Kind::Register).await.open_session(1, 20);
    let claim = scheduler.next(Kind::Claim).await;
    claim.grant(&[grant(1, "stubborn", &json!(1))]);
    wait_for_file(&bench.path("ready")).await;
    scheduler.end_session();
    let again = scheduler.next(Kind::Register).await;
    assert_eq!(
        bench.programs(),
        [0; 0],
        "the work of the old session is gone"
    );
    let results = scheduler.heard(Kind::Results);
    let item = &results[0]["items"][0];
    assert_eq!(
        (&item["outcome"], &item["how"]),
        (&json!("interrupted"), &json!("killed")),
        "evidence, for whoever canceled it"
    );
    again.open_session(2, 20);
    let claims = async {
        loop {
            let claim = scheduler.next(Kind::Claim).await;
            if claim.body["claimSeq"] == 1 {
                return claim;
            }
        }
    };
    let first = claims.await;
    assert_eq!(first.body["max"], 4);
    worker.end().await;
}

#[tokio::test]
async fn a_registration_that_is_refused_ends_the_worker() {
    let mut scheduler = StandIn::scripting(&[Kind::Register]).await;
    let bench = Bench::new();
    let worker = bench.start(scheduler.url());
    let problem = json!({"code": "invalid", "detail": "not you"});
    scheduler
        .next(Kind::Register)
        .await
        .answer_with(422, problem);
    let refused = worker.ended().await.unwrap_err();
    assert!(refused.to_string().contains("not you"), "{refused}");
}
