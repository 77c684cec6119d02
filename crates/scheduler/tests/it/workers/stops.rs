//! `POST /v1/workers/{id}/stops`: stages and their stamps.

use serde_json::json;

use crate::service::start;
use crate::worker::{killed, stage, words};

#[tokio::test]
async fn a_stop_moves_forward_and_keeps_its_stamps() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    let mut told = Vec::new();
    for report in [
        stage(&grant, "delivered"),
        stage(&grant, "acknowledged"),
        killed(&grant),
    ] {
        service.pass_ms(1_000).await;
        let answer = service.say(worker.stops(&[report])).await;
        assert_eq!(words(&answer), ["applied"]);
        told.push(service.execution(1).await["stop"].clone());
    }
    insta::assert_json_snapshot!(told);
    let again = service
        .say(worker.stops(&[stage(&grant, "delivered"), killed(&grant)]))
        .await;
    assert_eq!(words(&again), ["applied", "applied"]);
    assert_eq!(service.execution(1).await["stop"], told[2]);
}

#[tokio::test]
async fn a_stamp_says_when_it_happened_and_not_when_it_was_told() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.pass_ms(1_000).await;
    service.cancel(1).await;
    service.pass_ms(2_000).await;
    let mut report = killed(&grant);
    report["agoMs"] = json!(500);
    let mut delivered = stage(&grant, "delivered");
    delivered["agoMs"] = json!(60_000);
    service.say(worker.stops(&[delivered, report])).await;
    let stop = service.execution(1).await["stop"].clone();
    let stamps = ["requestedAt", "deliveredAt", "endedAt"].map(|name| stop[name].clone());
    assert_eq!(
        stamps,
        [
            json!("2026-03-01T00:00:01.000Z"),
            json!("2026-03-01T00:00:01.000Z"),
            json!("2026-03-01T00:00:02.500Z"),
        ]
    );
}

#[tokio::test]
async fn the_proof_frees_the_slot() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.create().await;
    service.cancel(1).await;
    assert_eq!(service.say(worker.claim(2)).await["grants"], json!([]));
    service.say(worker.stops(&[killed(&grant)])).await;
    assert_eq!(
        service.say(worker.claim(2)).await["grants"][0]["executionId"],
        2
    );
}

#[tokio::test]
async fn what_was_not_stopped_is_stale() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let answer = service.send(worker.stops(&[killed(&grant)])).await;
    insta::assert_json_snapshot!(answer.shown());
    assert_eq!(service.execution(1).await["status"], "RUNNING");
}

#[tokio::test]
async fn a_stop_report_is_checked() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let answer = service
        .send(worker.stops(&[stage(&grant, "stopped")]))
        .await;
    assert_eq!(answer.code(), (422, "invalid_body"));
    assert_eq!(answer.body["field"], "items[0].how");
}

#[tokio::test]
async fn an_overdue_stop_is_stuck_under_a_live_session_and_can_still_be_proven() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    let beat = json!({"held": [crate::worker::held(&grant)], "claimSeq": 1});
    for _ in 0..10 {
        service.pass_ms(5_000).await;
        service.say(worker.heartbeat(&beat)).await;
    }
    assert_eq!(service.execution(1).await["stop"]["status"], "STUCK");
    service.say(worker.stops(&[killed(&grant)])).await;
    assert_eq!(service.execution(1).await["stop"]["status"], "STOPPED");
}
