//! The end of a lease, and outages of ours, which are not the workers' fault.

use serde_json::json;
use taskpilot_store::StoreError;

use crate::service::{Call, start};
use crate::worker::{held, killed, succeeded, words};

#[tokio::test]
async fn an_expired_session_is_dead_and_its_work_is_handed_over() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.pass_ms(30_000).await;
    service.pass_ms(1).await;
    let beat = json!({"held": [held(&grant)], "claimSeq": 1});
    for call in [
        worker.heartbeat(&beat),
        worker.claim(2),
        worker.signed(Call::get(&worker.path("/orders"))),
    ] {
        assert_eq!(service.send(call).await.code(), (410, "session_expired"));
    }
    assert_eq!(service.send(worker.goodbye()).await.status, 204);
    let list = service.send(Call::get("/v1/workers")).await;
    insta::assert_json_snapshot!(list.body["items"][0]);
    let told = service.execution(1).await;
    assert_eq!(
        (&told["status"], &told["attemptCount"]),
        (&json!("PENDING"), &json!(1))
    );
    insta::assert_json_snapshot!(told["attempts"]);
}

#[tokio::test]
async fn messages_of_an_expired_session_still_get_their_verdicts() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    service.pass_ms(31_000).await;
    let answer = service.say(worker.results(&[succeeded(&grant)])).await;
    assert_eq!(words(&answer), ["late"]);
    let answer = service.say(worker.stops(&[killed(&grant)])).await;
    assert_eq!(words(&answer), ["applied"]);
}

#[tokio::test]
async fn a_pause_of_ours_costs_no_lease_whoever_comes_first() {
    for heartbeat_first in [true, false] {
        let service = start().await;
        let (worker, grant) = service.running().await;
        service.clock.advance(300_000);
        if !heartbeat_first {
            service.app.tick().await.unwrap();
        }
        let beat = json!({"held": [held(&grant)], "claimSeq": 1});
        let answer = service.say(worker.heartbeat(&beat)).await;
        assert_eq!(answer["lost"], json!([]), "{heartbeat_first}");
        service.app.tick().await.unwrap();
        assert_eq!(service.execution(1).await["status"], "RUNNING");
    }
}

#[tokio::test]
async fn a_claim_after_a_pause_of_ours_is_served() {
    let service = start().await;
    let worker = service.register(1).await;
    service.clock.advance(300_000);
    service.create().await;
    let answer = service.say(worker.claim(1)).await;
    assert_eq!(answer["grants"][0]["executionId"], 1);
    assert_eq!(answer["remainingMs"], 30_000);
}

#[tokio::test]
async fn a_flood_does_not_keep_leases_from_ending() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.store.set(Some(StoreError::Overloaded));
    service.pass_ms(31_000).await;
    service.store.set(None);
    service.pass_ms(1).await;
    let beat = json!({"held": [held(&grant)], "claimSeq": 1});
    let answer = service.send(worker.heartbeat(&beat)).await;
    assert_eq!(answer.code(), (410, "session_expired"));
}

#[tokio::test]
async fn a_loss_of_the_store_costs_no_lease() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let detail = "the disk is full".to_owned();
    service.store.set(Some(StoreError::Unavailable { detail }));
    for _ in 0..31 {
        service.clock.advance(1_000);
        service.app.tick().await.unwrap_err();
    }
    service.store.set(None);
    service.pass_ms(1).await;
    let beat = json!({"held": [held(&grant)], "claimSeq": 1});
    let answer = service.say(worker.heartbeat(&beat)).await;
    assert_eq!(answer["lost"], json!([]));
}

#[tokio::test]
async fn a_stop_that_came_due_while_we_were_away_is_overdue_only_a_lease_later() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    service.clock.advance(300_000);
    let beat = json!({"held": [held(&grant)], "claimSeq": 1});
    for _ in 0..5 {
        service.pass_ms(5_000).await;
        service.say(worker.heartbeat(&beat)).await;
        assert_eq!(service.execution(1).await["stop"]["status"], "REQUESTED");
    }
    service.pass_ms(6_000).await;
    assert_eq!(service.execution(1).await["stop"]["status"], "STUCK");
}
