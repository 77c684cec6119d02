//! Keys of creates, as time goes by.

use serde_json::json;
use taskpilot_e2e::ports::ReservedPort;

use crate::world::{Call, before};

const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn a_key_is_forgotten_after_thirty_days_and_one_and_its_task_stays() {
    let control = before(&ReservedPort::take().unwrap().url());
    let create = async || {
        let call = Call::post("/api/tasks", &json!({"type": "demo"}));
        let created = control.send(call.header("idempotency-key", "once")).await;
        (created.status, created.body["id"].as_i64().unwrap())
    };
    let (status, first) = create().await;
    assert_eq!(status, 201);
    control.clock.advance(31 * DAY_MS);
    control.tick().await;
    assert_eq!(create().await, (201, first));
    control.clock.advance(1);
    control.tick().await;
    let (status, second) = create().await;
    assert_eq!(status, 201);
    assert!(second > first);
    assert_eq!(control.task(first).await["status"], "PENDING");
}
