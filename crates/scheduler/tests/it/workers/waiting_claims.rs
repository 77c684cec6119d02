//! `POST /v1/workers/{id}/claims` that waits: who is woken, and that no wake is lost.

use futures_util::future::{Either, select};
use serde_json::{Value, json};

use crate::service::{AT_ONCE, Answer, Call, Service, start};
use crate::worker::{Worker, killed, succeeded};

async fn at_once(claim: tokio::task::JoinHandle<Answer>) -> Value {
    let answer = tokio::time::timeout(AT_ONCE, claim)
        .await
        .expect("a wake")
        .unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["grants"].clone()
}

/// A session with one slot whose claim waits.
async fn waiting(service: &Service, before: usize) -> (Worker, tokio::task::JoinHandle<Answer>) {
    let worker = service.register(1).await;
    let claim = service.send_aside(worker.claim_waiting(1));
    service.claims_wait(before + 1).await;
    (worker, claim)
}

#[tokio::test]
async fn a_create_wakes_a_waiting_claim() {
    let service = start().await;
    let (_, claim) = waiting(&service, 0).await;
    let id = service.create().await;
    assert_eq!(at_once(claim).await[0]["executionId"], id);
}

#[tokio::test]
async fn what_comes_due_wakes_a_waiting_claim() {
    let service = start().await;
    let body = json!({"type": "demo", "scheduledFor": "2026-03-01T00:00:01Z"});
    service.create_with(body).await;
    let (_, claim) = waiting(&service, 0).await;
    service.pass_ms(1_000).await;
    assert_eq!(at_once(claim).await[0]["executionId"], 1);
}

#[tokio::test]
async fn one_execution_is_granted_to_one_of_two_who_wait() {
    let service = start().await;
    let (_, first) = waiting(&service, 0).await;
    let (_, second) = waiting(&service, 1).await;
    service.create().await;
    // Either: who was called before the create was there, and found nothing, is behind the other.
    let (granted, other) = match select(first, second).await {
        Either::Left((granted, other)) | Either::Right((granted, other)) => (granted, other),
    };
    let granted = granted.unwrap();
    assert_eq!(granted.body["grants"].as_array().unwrap().len(), 1);
    // The other one waits on, and ends with the service.
    service.claims_wait(1).await;
    service.shutdown.request();
    assert_eq!(at_once(other).await, json!([]));
}

#[tokio::test]
async fn a_batch_wakes_as_many_as_it_has_work_for() {
    let service = start().await;
    let mut claims = Vec::new();
    for before in 0..5 {
        claims.push(waiting(&service, before).await.1);
    }
    let items = vec![json!({"task": {"type": "demo"}}); 5];
    service
        .send(Call::post("/tasks/batch", &json!({ "items": items })))
        .await;
    for claim in claims {
        assert_eq!(at_once(claim).await.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_claim_whose_client_went_away_leaves_its_wake_to_the_next() {
    let service = start().await;
    let address = service.listen().await;
    let gone = service.register(1).await;
    let url = format!("http://{address}{}", gone.path("/claims"));
    let request = reqwest::Client::new().post(url);
    let request = request
        .header("taskpilot-session-token", &gone.token)
        .json(&json!({"claimSeq": 1, "max": 1, "waitMs": 25_000}));
    let request = tokio::spawn(request.send());
    service.claims_wait(1).await;
    let (_, claim) = waiting(&service, 1).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    service.create().await;
    assert_eq!(at_once(claim).await[0]["executionId"], 1);
}

#[tokio::test]
async fn a_grant_whose_reply_was_lost_is_answered_again() {
    let service = start().await;
    let (worker, claim) = waiting(&service, 0).await;
    service.create().await;
    let grants = at_once(claim).await;
    let again = service.say(worker.claim_waiting(1)).await;
    assert_eq!(again["grants"], grants);
}

#[tokio::test]
async fn a_repeat_whose_grants_have_ended_is_answered_at_once() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    // There is room for more and nothing to do: a new claim would wait here.
    service.say(worker.stops(&[killed(&grant)])).await;
    let again = service.send_aside(worker.claim_waiting(1));
    assert_eq!(at_once(again).await, json!([]));
    let next = service.create().await;
    assert_eq!(
        service.say(worker.claim(2)).await["grants"][0]["executionId"],
        next
    );
}

#[tokio::test]
async fn a_newer_claim_takes_the_place_of_the_older() {
    let service = start().await;
    let (worker, older) = waiting(&service, 0).await;
    let newer = service.send_aside(worker.claim_waiting(2));
    assert_eq!(at_once(older).await, json!([]));
    service.claims_wait(1).await;
    service.create().await;
    assert_eq!(at_once(newer).await[0]["executionId"], 1);
}

#[tokio::test]
async fn who_has_not_the_token_takes_nobodys_place() {
    let service = start().await;
    let (worker, claim) = waiting(&service, 0).await;
    let forger = Worker {
        token: "0".repeat(32),
        ..worker
    };
    let answer = service.send(forger.claim_waiting(1)).await;
    assert_eq!(answer.code(), (404, "worker_not_found"));
    service.create().await;
    assert_eq!(at_once(claim).await[0]["executionId"], 1);
}

#[tokio::test]
async fn a_wait_that_runs_out_is_answered_with_nothing_and_may_be_repeated() {
    let service = start().await;
    let worker = service.register(1).await;
    let short = json!({"claimSeq": 1, "max": 1, "waitMs": 50});
    let answer = service.send(worker.post("/claims", &short)).await;
    insta::assert_json_snapshot!(answer.shown());
    service.create().await;
    assert_eq!(
        service.say(worker.claim(1)).await["grants"][0]["executionId"],
        1
    );
}

#[tokio::test]
async fn a_full_session_leaves_its_wake_to_one_that_has_room() {
    let service = start().await;
    let (full, _) = service.running().await;
    let full = service.send_aside(full.claim_waiting(2));
    service.claims_wait(1).await;
    let (_, claim) = waiting(&service, 1).await;
    let id = service.create().await;
    assert_eq!(at_once(claim).await[0]["executionId"], id);
    assert!(!full.is_finished());
}

#[tokio::test]
async fn what_is_given_back_wakes_another_worker() {
    let service = start().await;
    let (holder, grant) = service.running().await;
    let (_, claim) = waiting(&service, 0).await;
    let mut released = succeeded(&grant);
    released["outcome"] = json!("released");
    released.as_object_mut().unwrap().remove("result");
    service.say(holder.results(&[released])).await;
    let grants = at_once(claim).await;
    assert_eq!(
        (&grants[0]["attempt"], &grants[0]["attemptCount"]),
        (&json!(2), &json!(1))
    );
}
