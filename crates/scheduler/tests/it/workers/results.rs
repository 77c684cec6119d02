//! `POST /v1/workers/{id}/results`: the words of the verdicts, and what an execution then tells.

use serde_json::json;

use crate::service::start;
use crate::worker::{about, failed, succeeded, words};

#[tokio::test]
async fn a_success_is_applied_once() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.pass_ms(1_500).await;
    let answer = service.send(worker.results(&[succeeded(&grant)])).await;
    insta::assert_json_snapshot!(answer.shown());
    insta::assert_json_snapshot!(service.execution(1).await);
    let again = service.say(worker.results(&[succeeded(&grant)])).await;
    assert_eq!(words(&again), ["duplicate"]);
}

#[tokio::test]
async fn a_failure_waits_for_its_retry_and_is_told_in_one_line() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let answer = service.say(worker.results(&[failed(&grant)])).await;
    assert_eq!(words(&answer), ["applied"]);
    let told = service.execution(1).await;
    assert_eq!(told["lastError"], "exit_code: exit code 1");
    assert_eq!(
        (&told["phase"], &told["retryState"]),
        (&json!("BACKING_OFF"), &json!("WAITING_FOR_RETRY"))
    );
    insta::assert_json_snapshot!(told["attempts"]);
}

#[tokio::test]
async fn the_last_failure_is_the_end() {
    let service = start().await;
    service
        .create_with(json!({"type": "demo", "maxAttempts": 1}))
        .await;
    let worker = service.register(1).await;
    let grant = service.say(worker.claim(1)).await["grants"][0].clone();
    service.say(worker.results(&[failed(&grant)])).await;
    let told = service.execution(1).await;
    assert_eq!(
        (&told["status"], &told["retryState"]),
        (&json!("FAILED"), &json!("EXHAUSTED"))
    );
}

#[tokio::test]
async fn an_error_without_a_message_is_told_by_its_code() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let report = about(
        &grant,
        &json!({"outcome": "failed", "error": {"code": "crashed"}}),
    );
    service.say(worker.results(&[report])).await;
    assert_eq!(service.execution(1).await["lastError"], "crashed");
}

#[tokio::test]
async fn a_result_after_a_cancel_is_late_names_the_winner_and_proves_the_stop() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    let answer = service.send(worker.results(&[succeeded(&grant)])).await;
    insta::assert_json_snapshot!(answer.shown());
    let told = service.execution(1).await;
    assert_eq!(
        (&told["status"], &told["result"]),
        (&json!("CANCELED"), &json!(null))
    );
    assert_eq!(
        (&told["stop"]["status"], &told["stop"]["how"]),
        (&json!("STOPPED"), &json!("finished"))
    );
}

#[tokio::test]
async fn a_wrong_token_is_stale_and_its_neighbours_are_judged() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let mut forged = succeeded(&grant);
    forged["token"] = json!("0".repeat(32));
    let mut unknown = succeeded(&grant);
    unknown["executionId"] = json!(99);
    let items = [forged, unknown, succeeded(&grant)];
    let answer = service.say(worker.results(&items)).await;
    assert_eq!(words(&answer), ["stale", "stale", "applied"]);
}

#[tokio::test]
async fn a_report_is_checked() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let wrong = [
        succeeded(&grant),
        about(&grant, &json!({"outcome": "failed"})),
    ];
    let answer = service.send(worker.results(&wrong)).await;
    assert_eq!(answer.code(), (422, "invalid_body"));
    assert_eq!(answer.body["field"], "items[1].error");
    assert_eq!(service.execution(1).await["status"], "RUNNING");
}
