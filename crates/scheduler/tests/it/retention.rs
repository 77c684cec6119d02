//! What is over for long enough is gone, and its key stands for its loss.

use serde_json::json;
use taskpilot_domain::limits::CLOCK_STEADY_MS;
use taskpilot_server::clock::Clock;

use crate::service::{Call, start};

const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn history_is_gone_after_thirty_days_and_its_key_a_day_later() {
    let service = start().await;
    let create = || {
        let call = Call::post("/tasks", &json!({"type": "demo", "payload": "hello"}));
        call.header("idempotency-key", "once")
    };
    let later = async |ms: u64| {
        service.clock.advance(ms);
        service.app.tick().await.unwrap();
    };
    let id = service.send(create()).await.id();
    let living = service.create().await;
    assert_eq!(service.cancel(id).await.status, 200);
    later(30 * DAY_MS).await;
    service.execution(id).await;
    later(1).await;
    let read = service.send(Call::get(&format!("/tasks/{id}"))).await;
    assert_eq!(read.code(), (404, "execution_not_found"));
    let canceled = service.cancel(id).await;
    assert_eq!(canceled.code(), (404, "execution_not_found"));
    let by_key = service.send(Call::put("/tasks/by-key/once/cancel")).await;
    assert_eq!(by_key.code(), (404, "execution_not_found"));
    let again = service.send(create()).await;
    assert_eq!(again.code(), (410, "binding_key_expired"));
    service.execution(living).await;
    later(DAY_MS).await;
    let new = service.send(create()).await;
    assert_eq!(new.status, 201);
    assert!(new.id() > living);
}

#[tokio::test]
async fn a_clock_that_jumps_forgets_nothing_before_it_has_gone_right_for_a_while() {
    let service = start().await;
    let id = service.create().await;
    assert_eq!(service.cancel(id).await.status, 200);
    service
        .clock
        .set_wall(service.clock.now().plus_ms(60 * DAY_MS));
    service.app.tick().await.unwrap();
    service.execution(id).await;
    service.clock.advance(CLOCK_STEADY_MS - 1);
    service.app.tick().await.unwrap();
    service.execution(id).await;
    service.clock.advance(1);
    service.app.tick().await.unwrap();
    let read = service.send(Call::get(&format!("/tasks/{id}"))).await;
    assert_eq!(read.code(), (404, "execution_not_found"));
}
