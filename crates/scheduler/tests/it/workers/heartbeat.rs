//! `PUT /v1/workers/{id}/heartbeat`.

use serde_json::json;

use crate::service::start;
use crate::worker::{about, failed, held, killed, stage, words};

#[tokio::test]
async fn a_heartbeat_renews_the_lease() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let beat = json!({"held": [held(&grant)], "claimSeq": 1});
    for _ in 0..4 {
        service.pass_ms(20_000).await;
        service.say(worker.heartbeat(&beat)).await;
    }
    insta::assert_json_snapshot!(service.send(worker.heartbeat(&beat)).await.shown());
    assert_eq!(service.execution(1).await["status"], "RUNNING");
}

#[tokio::test]
async fn orders_are_repeated_until_they_are_confirmed() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    let beat = json!({"held": [held(&grant)], "claimSeq": 1});
    let first = service.send(worker.heartbeat(&beat)).await;
    insta::assert_json_snapshot!(first.shown());
    assert_eq!(first.body["orders"][0]["token"], grant["token"]);
    let again = service.say(worker.heartbeat(&beat)).await;
    assert_eq!(again["orders"], first.body["orders"]);
    let confirming = json!({"held": [held(&grant)], "claimSeq": 1,
        "stops": [stage(&grant, "delivered")]});
    let confirmed = service.say(worker.heartbeat(&confirming)).await;
    assert_eq!(
        (words(&confirmed), &confirmed["orders"]),
        (vec!["applied"], &json!([]))
    );
    let proving = json!({"held": [], "claimSeq": 1, "stops": [killed(&grant)]});
    assert_eq!(
        words(&service.say(worker.heartbeat(&proving)).await),
        ["applied"]
    );
    assert_eq!(service.execution(1).await["stop"]["status"], "STOPPED");
}

#[tokio::test]
async fn what_an_answered_claim_granted_and_the_worker_has_not_is_released() {
    let service = start().await;
    let (worker, _) = service.running().await;
    let unanswered = json!({"held": [], "claimSeq": 0});
    service.say(worker.heartbeat(&unanswered)).await;
    assert_eq!(service.execution(1).await["status"], "RUNNING");
    service
        .say(worker.heartbeat(&json!({"held": [], "claimSeq": 1})))
        .await;
    let told = service.execution(1).await;
    assert_eq!(
        (&told["status"], &told["attemptCount"]),
        (&json!("PENDING"), &json!(0))
    );
    assert_eq!(told["attempts"][0]["outcome"], "released");
    assert_eq!(told["attempts"][0]["counted"], false);
}

#[tokio::test]
async fn what_is_no_longer_the_sessions_is_lost() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.say(worker.results(&[failed(&grant)])).await;
    let beat = json!({"held": [held(&grant)], "claimSeq": 1});
    let answer = service.say(worker.heartbeat(&beat)).await;
    assert_eq!(answer["lost"], json!([held(&grant)]));
}

#[tokio::test]
async fn progress_shows_in_the_execution_while_it_runs() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.pass_ms(1_000).await;
    let say = |fields| json!({"held": [held(&grant)], "claimSeq": 1, "progress": [about(&grant, &fields)]});
    let first = say(json!({"percent": 40, "message": "row 40"}));
    service.say(worker.heartbeat(&first)).await;
    insta::assert_json_snapshot!(service.execution(1).await["progress"]);
    let silent = json!({"held": [held(&grant)], "claimSeq": 1});
    service.say(worker.heartbeat(&silent)).await;
    assert_eq!(service.execution(1).await["progress"]["percent"], 40);
    service
        .say(worker.heartbeat(&say(json!({"percent": 41}))))
        .await;
    assert_eq!(service.execution(1).await["progress"]["percent"], 41);
    service.say(worker.results(&[failed(&grant)])).await;
    assert_eq!(service.execution(1).await["progress"], json!(null));
}

#[tokio::test]
async fn nobody_else_speaks_for_an_attempt() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let other = service.register(1).await;
    let say = |percent: u8| json!({"held": [held(&grant)], "progress": [about(&grant, &json!({"percent": percent}))]});
    service.say(worker.heartbeat(&say(40))).await;
    let answer = service.say(other.heartbeat(&say(99))).await;
    assert_eq!(answer["lost"], json!([held(&grant)]));
    assert_eq!(service.execution(1).await["progress"]["percent"], 40);
}

#[tokio::test]
async fn a_heartbeat_is_checked() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    for (body, field) in [
        (json!({"held": vec![held(&grant); 1_001]}), "held"),
        (
            json!({"held": [], "progress": [about(&grant, &json!({"percent": 101}))]}),
            "progress[0].percent",
        ),
        (
            json!({"held": [], "stops": [stage(&grant, "stopped")]}),
            "stops[0].how",
        ),
        (json!({"held": [], "claimSeq": u64::MAX}), "claimSeq"),
    ] {
        let answer = service.send(worker.heartbeat(&body)).await;
        assert_eq!(answer.code(), (422, "invalid_body"), "{field}");
        assert_eq!(answer.body["field"], field);
    }
}
