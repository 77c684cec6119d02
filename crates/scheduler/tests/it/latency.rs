//! `/latency`: what was counted, in raw buckets.

use serde_json::json;

use crate::service::{Call, start};
use crate::worker::killed;

#[tokio::test]
async fn the_stages_of_stops_are_counted_by_type() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    service.clock.advance(70);
    service.say(worker.stops(&[killed(&grant)])).await;
    let told = service.say(Call::get("/latency/stops")).await;
    // 70 and 71 ms are one bucket.
    let expected = json!({
        "since": "2026-02-28T00:00:00.070Z", "until": "2026-03-01T00:00:00.070Z",
        "items": [{"type": "demo", "stage": "stopped", "buckets": [[67, 1]]}],
    });
    assert_eq!(told, expected);
    for (query, items) in [
        ("type=demo", 1),
        ("type=other", 0),
        ("windowMs=1&until=2026-03-01T00:00:59Z", 1),
        ("until=2026-02-28T23:59:59.999Z", 0),
    ] {
        let told = service
            .say(Call::get(&format!("/latency/stops?{query}")))
            .await;
        assert_eq!(told["items"].as_array().unwrap().len(), items, "{query}");
    }
}

#[tokio::test]
async fn a_window_that_cannot_be_read_is_refused() {
    let service = start().await;
    for query in [
        "windowMs=0",
        "windowMs=2678400001",
        "windowMs=x",
        "until=now",
        "type=a%20b",
        "since=1",
    ] {
        let answer = service
            .send(Call::get(&format!("/latency/stops?{query}")))
            .await;
        let told = (answer.status, answer.body["code"].as_str().unwrap());
        assert_eq!(told, (400, "invalid_query"), "{query}");
    }
}
