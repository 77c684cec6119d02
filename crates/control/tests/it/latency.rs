//! `/api/latency`: quantiles of what the scheduler has counted.

use serde_json::{Value, json};
use taskpilot_api::headers::EXTENSIONS;
use taskpilot_client::transport::Policy;
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};

use crate::ours;
use crate::world::{Call, before, clock, start};

#[tokio::test]
async fn nothing_was_counted_before_the_first_stop() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    let told = control.send(Call::get("/api/latency/stops")).await;
    assert_eq!((told.status, &told.body["items"]), (200, &json!([])));
    for query in ["windowMs=0", "until=x", "x=1"] {
        let call = Call::get(&format!("/api/latency/stops?{query}"));
        let answer = control.send(call).await;
        assert_eq!(answer.refusal(), (400, "invalid_query"), "{query}");
    }
}

#[tokio::test]
async fn counts_are_told_in_quantiles_of_each_type_and_of_all_together() {
    let body = json!({"since": "2026-03-01T00:00:00Z", "until": "2026-03-01T00:00:00Z", "items": [
        {"type": "a", "stage": "delivered", "buckets": [[2, 90], [5, 9], [40, 1]]},
        {"type": "b", "stage": "delivered", "buckets": [[10, 100]]},
        {"type": "b", "stage": "teleported", "buckets": [[10, 100]]},
    ]});
    let says = Says::status(200).header(EXTENSIONS, "latency").json(&body);
    let scheduler = StandIn::start_as(Manner::Says(says)).await.unwrap();
    let control = before(&scheduler.url());
    let told = control.send(Call::get("/api/latency/stops")).await.body;
    let row = |kind: Value, count: u64, quantiles: [u64; 5]| {
        let [p50, p90, p95, p99, max] = quantiles;
        json!({"type": kind, "stage": "delivered", "count": count, "p50Ms": p50, "p90Ms": p90,
            "p95Ms": p95, "p99Ms": p99, "maxMs": max})
    };
    let expected = json!([
        row(Value::Null, 200, [10, 10, 10, 10, 40]),
        row(json!("a"), 100, [2, 2, 5, 5, 40]),
        row(json!("b"), 100, [10, 10, 10, 10, 10]),
    ]);
    assert_eq!(told["items"], expected);
}

#[tokio::test]
async fn a_plain_scheduler_counts_nothing_and_that_is_said() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let answer = control.send(Call::get("/api/latency/stops")).await;
    let expected = (501, "scheduler_unsupported", Some("not_applied"));
    assert_eq!(answer.problem(), expected);
}
