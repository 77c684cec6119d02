//! `PUT /tasks/{id}/cancel`: the rows of the cancel table.

use serde_json::json;

use crate::service::{Call, start};
use crate::worker::{failed, killed, succeeded};

#[tokio::test]
async fn a_pending_execution_is_canceled_and_needs_no_stop() {
    let service = start().await;
    let id = service.create().await;
    let command = json!({"reason": "no longer needed"});
    let call = Call::put(&format!("/tasks/{id}/cancel")).json(&command);
    let answer = service
        .send(call.header("taskpilot-principal", "ada"))
        .await;
    insta::assert_json_snapshot!(answer.shown());
    assert_eq!(service.execution(id).await, answer.body);
}

#[tokio::test]
async fn a_running_execution_is_canceled_and_its_attempt_is_stopped() {
    let service = start().await;
    service.running().await;
    let answer = service.cancel(1).await;
    insta::assert_json_snapshot!(answer.shown());
}

#[tokio::test]
async fn a_repeat_is_kept_beside_the_first_verdict_which_stands() {
    let service = start().await;
    let id = service.create().await;
    let first = service.cancel(id).await;
    service.pass_ms(1_000).await;
    let again = Call::put(&format!("/tasks/{id}/cancel")).json(&json!({"reason": "again"}));
    let again = service
        .send(again.header("taskpilot-principal", "eve"))
        .await;
    let mut expected = first.body;
    expected["cancel"]["laterRequestCount"] = json!(1);
    assert_eq!((again.status, again.body), (200, expected.clone()));
    expected["cancel"]["laterRequests"] = json!([
        {"requestedAt": "2026-03-01T00:00:01.000Z", "requestedBy": "eve", "reason": "again"},
    ]);
    assert_eq!(service.execution(id).await, expected);
}

#[tokio::test]
async fn what_has_ended_otherwise_is_a_conflict() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.say(worker.results(&[succeeded(&grant)])).await;
    let ended = service.execution(1).await;
    insta::assert_json_snapshot!(service.cancel(1).await.shown());
    let id = service
        .create_with(json!({"type": "demo", "maxAttempts": 1}))
        .await;
    let claim = service.say(worker.claim(2)).await;
    service
        .say(worker.results(&[failed(&claim["grants"][0])]))
        .await;
    assert_eq!(service.cancel(id).await.code(), (409, "execution_conflict"));
    assert_eq!(service.execution(1).await, ended);
}

#[tokio::test]
async fn the_expected_reference_is_compared_first() {
    let service = start().await;
    let body = json!({"type": "demo", "reference": "task 7"});
    let id = service.create_with(body).await;
    let path = format!("/tasks/{id}/cancel");
    let other = Call::put(&path).json(&json!({"reference": "task 8"}));
    insta::assert_json_snapshot!(service.send(other).await.shown());
    assert_eq!(service.execution(id).await["status"], "PENDING");
    let same = Call::put(&path).json(&json!({"reference": "task 7"}));
    assert_eq!(service.send(same).await.body["status"], "CANCELED");
}

#[tokio::test]
async fn what_cannot_be_canceled_is_said() {
    let service = start().await;
    assert_eq!(service.cancel(7).await.code(), (404, "execution_not_found"));
    let id = service.create().await;
    let long = json!({"reason": "x".repeat(501)});
    let answer = service
        .send(Call::put(&format!("/tasks/{id}/cancel")).json(&long))
        .await;
    assert_eq!(answer.code(), (422, "invalid_body"));
    let unknown = Call::put(&format!("/tasks/{id}/cancel")).json(&json!({"why": 1}));
    assert_eq!(service.send(unknown).await.code(), (422, "invalid_body"));
    assert_eq!(service.execution(id).await["status"], "PENDING");
}

#[tokio::test]
async fn a_cancel_between_attempts_shows_the_stop_of_the_last_one() {
    let service = start().await;
    let body = json!({"type": "demo", "attemptTimeoutMs": 1_000});
    let id = service.create_with(body).await;
    let worker = service.register(1).await;
    let claim = service.say(worker.claim(1)).await;
    service.pass_ms(1_500).await;
    let blocked = service.execution(id).await;
    assert_eq!(
        (&blocked["phase"], &blocked["blockedBy"]),
        (&json!("BLOCKED"), &json!("stop_unproven"))
    );
    let canceled = service.cancel(id).await.body;
    assert_eq!(canceled["stop"]["cause"], "TIMEOUT");
    assert_eq!(canceled["stop"]["status"], "REQUESTED");
    service
        .say(worker.stops(&[killed(&claim["grants"][0])]))
        .await;
    let proven = service.execution(id).await;
    assert_eq!(
        (&proven["status"], &proven["stop"]["status"]),
        (&json!("CANCELED"), &json!("STOPPED"))
    );
}
