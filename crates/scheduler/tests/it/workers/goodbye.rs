//! `DELETE /v1/workers/{id}`.

use serde_json::json;

use crate::service::{Call, start};
use crate::worker::{about, succeeded, words};

#[tokio::test]
async fn a_goodbye_is_repeatable_and_final() {
    let service = start().await;
    let (worker, _) = service.running().await;
    for _ in 0..2 {
        let answer = service.send(worker.goodbye()).await;
        assert_eq!((answer.status, answer.body), (204, json!(null)));
    }
    insta::assert_json_snapshot!(service.send(worker.claim(2)).await.shown());
    let told = service.execution(1).await;
    assert_eq!(
        (&told["status"], &told["attemptCount"]),
        (&json!("PENDING"), &json!(1))
    );
    assert_eq!(told["attempts"][0]["outcome"], "lost");
    let list = service.send(Call::get("/v1/workers")).await;
    assert_eq!(list.body["items"][0]["state"], "GONE");
}

#[tokio::test]
async fn what_was_never_started_is_released_uncounted() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let body = json!({"neverStarted": [about(&grant, &json!({}))]});
    assert_eq!(service.send(worker.goodbye().json(&body)).await.status, 204);
    let told = service.execution(1).await;
    assert_eq!(
        (&told["phase"], &told["attemptCount"]),
        (&json!("READY"), &json!(0))
    );
}

#[tokio::test]
async fn results_after_a_goodbye_still_get_their_verdicts() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.send(worker.goodbye()).await;
    let answer = service.say(worker.results(&[succeeded(&grant)])).await;
    assert_eq!(words(&answer), ["stale"]);
}
