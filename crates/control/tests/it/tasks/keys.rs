//! Keys of creates, as time goes by.

use serde_json::json;
use taskpilot_domain::limits::CLOCK_STEADY_MS;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_server::clock::Clock;

use crate::world::{Call, before};

const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn a_key_is_forgotten_after_thirty_days_and_one_and_its_task_stays() {
    let control = before(&ReservedPort::take().unwrap().url());
    // The first look at the clock.
    control.tick().await;
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

#[tokio::test]
async fn a_clock_that_jumps_forgets_no_key() {
    let control = before(&ReservedPort::take().unwrap().url());
    let create = async || {
        let call = Call::post("/api/tasks", &json!({"type": "demo"}));
        let created = control.send(call.header("idempotency-key", "once")).await;
        created.body["id"].as_i64().unwrap()
    };
    let first = create().await;
    // A start with the clock months ahead, and then a step.
    for _ in 0..2 {
        let wall = control.clock.now().plus_ms(60 * DAY_MS);
        control.clock.set_wall(wall);
        control.tick().await;
        assert_eq!(create().await, first);
    }
    control.clock.advance(CLOCK_STEADY_MS);
    control.tick().await;
    assert_ne!(create().await, first);
}
