//! Cancellations, as time goes by.

use serde_json::json;
use taskpilot_e2e::ports::ReservedPort;

use crate::world::{Call, before};

const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn a_cancellation_is_forgotten_with_its_items_and_its_key_thirty_one_days_after_its_end() {
    let control = before(&ReservedPort::take().unwrap().url());
    // The first look at the clock.
    control.tick().await;
    let pending = control.create().await;
    let ask = async || {
        let call = Call::post("/api/cancellations", &json!({"ids": [pending]}));
        let begun = control.send(call.header("idempotency-key", "once")).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        begun.body["id"].as_i64().unwrap()
    };
    let first = ask().await;
    // It is kept from its end on, not from its begin.
    control.clock.advance(DAY_MS);
    control.tick().await;
    assert_eq!(control.cancellation(first).await["status"], "COMPLETED");
    control.clock.advance(31 * DAY_MS);
    control.tick().await;
    assert_eq!(ask().await, first);
    assert_eq!(
        control.outcomes(&json!(first)).await,
        [(pending, json!("not_bound"))]
    );

    control.clock.advance(1);
    control.tick().await;
    for path in ["", "/items"] {
        let path = format!("/api/cancellations/{first}{path}");
        let gone = control.send(Call::get(&path)).await;
        assert_eq!(gone.refusal(), (404, "cancellation_not_found"), "{path}");
    }
    assert!(ask().await > first, "an id is never used a second time");
}
