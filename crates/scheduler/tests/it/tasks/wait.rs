//! `Prefer: wait` on a cancel.

use serde_json::{Value, json};

use crate::service::{AT_ONCE, Answer, Call, Service, start};
use crate::worker::{killed, stage};

fn cancel(wait_s: u64) -> Call {
    Call::put("/tasks/1/cancel").header("prefer", &format!("wait={wait_s}"))
}

fn told(answer: &Answer) -> (u16, Option<&str>, &str, &str) {
    (
        answer.status,
        answer.header("preference-applied"),
        answer.body["status"].as_str().unwrap(),
        answer.body["stop"]["status"].as_str().unwrap(),
    )
}

/// Cancels with a wait, and returns once the verdict fell.
async fn waiting(service: &Service) -> tokio::task::JoinHandle<Answer> {
    let waiting = service.send_aside(cancel(25));
    while service.execution(1).await["status"] != "CANCELED" {
        tokio::task::yield_now().await;
    }
    waiting
}

#[tokio::test]
async fn where_no_stop_is_needed_nobody_waits() {
    let service = start().await;
    service.create().await;
    let answer = service.send(cancel(25)).await;
    assert_eq!(
        told(&answer),
        (200, Some("wait=25"), "CANCELED", "NOT_NEEDED")
    );
}

#[tokio::test]
async fn no_wish_is_longer_than_a_minute() {
    let service = start().await;
    service.create().await;
    let answer = service.send(cancel(3_600)).await;
    assert_eq!(
        told(&answer),
        (200, Some("wait=60"), "CANCELED", "NOT_NEEDED")
    );
}

#[tokio::test]
async fn a_proof_that_arrives_ends_the_wait() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let waiting = waiting(&service).await;
    service
        .say(worker.stops(&[stage(&grant, "delivered")]))
        .await;
    assert!(!waiting.is_finished());
    service.say(worker.stops(&[killed(&grant)])).await;
    let answer = tokio::time::timeout(AT_ONCE, waiting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(told(&answer), (200, Some("wait=25"), "CANCELED", "STOPPED"));
    assert_eq!(service.execution(1).await, answer.body);
}

#[tokio::test]
async fn a_wait_that_runs_out_says_how_far_it_is() {
    let service = start().await;
    service.running().await;
    let answer = service.send(cancel(1)).await;
    assert_eq!(
        told(&answer),
        (202, Some("wait=1"), "CANCELED", "REQUESTED")
    );
    insta::assert_json_snapshot!(answer.body["stop"]);
}

#[tokio::test]
async fn a_stop_that_is_stuck_or_abandoned_is_not_waited_for() {
    for (said, status) in [("stuck", "STUCK"), ("abandoned", "ABANDONED")] {
        let service = start().await;
        let (worker, grant) = service.running().await;
        let waiting = waiting(&service).await;
        service.say(worker.stops(&[stage(&grant, said)])).await;
        let answer = tokio::time::timeout(AT_ONCE, waiting)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(told(&answer), (202, Some("wait=25"), "CANCELED", status));
    }
}

#[tokio::test]
async fn a_worker_that_is_gone_settles_the_stop_as_presumed() {
    let service = start().await;
    service.running().await;
    let waiting = waiting(&service).await;
    service.pass_ms(31_000).await;
    let answer = tokio::time::timeout(AT_ONCE, waiting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        told(&answer),
        (200, Some("wait=25"), "CANCELED", "PRESUMED")
    );
}

#[tokio::test]
async fn a_shutdown_ends_the_wait_with_what_is_known() {
    let service = start().await;
    service.running().await;
    let waiting = waiting(&service).await;
    service.shutdown.request();
    let answer = tokio::time::timeout(AT_ONCE, waiting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (answer.status, &answer.body["stop"]["status"]),
        (202, &json!("REQUESTED"))
    );
}

#[tokio::test]
async fn a_wish_that_cannot_be_honoured_claims_no_proof() {
    let service = start().await;
    service.running().await;
    let answer = service.send(cancel(0)).await;
    assert_eq!(told(&answer), (202, None, "CANCELED", "REQUESTED"));
    service.shutdown.request();
    let answer = service.send(cancel(25)).await;
    assert_eq!(told(&answer), (202, None, "CANCELED", "REQUESTED"));
    let without = service.send(Call::put("/tasks/1/cancel")).await;
    assert_eq!(
        (without.status, without.header("preference-applied")),
        (200, None)
    );
}

#[tokio::test]
async fn a_refusal_does_not_wait() {
    let service = start().await;
    assert_eq!(
        service.send(cancel(25)).await.code(),
        (404, "execution_not_found")
    );
    assert_eq!(
        service.send(Call::get("/tasks")).await.body["next"],
        Value::Null
    );
}
