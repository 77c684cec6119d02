//! `POST /v1/workers/{id}/claims` that is answered at once.

use serde_json::json;

use crate::service::start;
use crate::worker::{failed, held, succeeded, words};

#[tokio::test]
async fn a_grant_carries_all_that_a_worker_needs() {
    let service = start().await;
    let worker = service.register(2).await;
    service
        .create_with(
            json!({"type": "demo", "payload": {"n": 1.50}, "reference": "task 7",
            "attemptTimeoutMs": 1_000, "deadline": "2026-03-01T00:02:00Z"}),
        )
        .await;
    insta::assert_json_snapshot!(service.send(worker.claim(1)).await.shown());
    insta::assert_json_snapshot!(service.execution(1).await);
}

#[tokio::test]
async fn a_lost_reply_is_asked_for_again() {
    let service = start().await;
    let worker = service.register(2).await;
    service.create().await;
    service.create().await;
    let first = service.say(worker.claim(1)).await;
    let again = service.say(worker.claim(1)).await;
    assert_eq!(again["grants"], first["grants"]);
    let next = service.say(worker.claim(2)).await;
    assert_eq!(next["grants"][0]["executionId"], 2);
    let older = service.send(worker.claim(1)).await;
    insta::assert_json_snapshot!(older.shown());
}

#[tokio::test]
async fn slots_bound_the_grants() {
    let service = start().await;
    let worker = service.register(2).await;
    for _ in 0..3 {
        service.create().await;
    }
    let many = |seq| worker.post("/claims", &json!({"claimSeq": seq, "max": 1_000}));
    let grants = service.say(many(1)).await["grants"].clone();
    assert_eq!(grants.as_array().unwrap().len(), 2);
    assert_eq!(service.say(many(2)).await["grants"], json!([]));
    service.cancel(1).await;
    assert_eq!(
        service.say(many(2)).await["grants"],
        json!([]),
        "the stop holds its slot"
    );
}

#[tokio::test]
async fn hand_ins_of_a_claim_are_judged_and_make_room() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.create().await;
    let body = json!({"claimSeq": 2, "max": 1, "waitMs": 25_000, "results": [succeeded(&grant)]});
    let answer = service.say(worker.post("/claims", &body)).await;
    assert_eq!(words(&answer), ["applied"]);
    assert_eq!(answer["grants"][0]["executionId"], 2);
    assert_eq!(service.execution(1).await["status"], "SUCCEEDED");
    let only = json!({"claimSeq": 3, "max": 0, "results": [failed(&answer["grants"][0])]});
    let answer = service.say(worker.post("/claims", &only)).await;
    assert_eq!(
        (words(&answer), &answer["grants"]),
        (vec!["applied"], &json!([]))
    );
}

#[tokio::test]
async fn a_claim_is_checked() {
    let service = start().await;
    let worker = service.register(1).await;
    for body in [
        json!({"claimSeq": 0, "max": 1}),
        json!({"claimSeq": 9_223_372_036_854_775_808_u64, "max": 1}),
        json!({"claimSeq": 1, "max": -1}),
        json!({"claimSeq": 1}),
        json!({"claimSeq": 1, "max": 1, "results": [{"executionId": 1}]}),
        json!({"claimSeq": 1, "max": 1, "x": 1}),
    ] {
        let answer = service.send(worker.post("/claims", &body)).await;
        assert_eq!(answer.code(), (422, "invalid_body"), "{body}");
    }
}

#[tokio::test]
async fn extreme_numbers_are_answered() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    let mut late = succeeded(&grant);
    late["agoMs"] = json!(u64::MAX);
    let max = i64::MAX;
    let body = json!({"claimSeq": max, "max": u32::MAX, "waitMs": u64::MAX, "results": [late]});
    let answer = service.say(worker.post("/claims", &body)).await;
    assert_eq!(words(&answer), ["late"]);
    let beat = json!({"held": [held(&grant)], "claimSeq": max});
    assert_eq!(service.send(worker.heartbeat(&beat)).await.status, 200);
}
