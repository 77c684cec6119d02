//! `POST /tasks/batch`.

use serde_json::json;

use crate::service::{Call, start};

#[tokio::test]
async fn each_item_stands_or_falls_alone() {
    let service = start().await;
    let items = json!([
        {"idempotencyKey": "k1", "task": {"type": "demo", "payload": 1}},
        {"task": {"type": "a b"}},
        {"idempotencyKey": "k1", "task": {"type": "demo", "payload": 1}},
        {"idempotencyKey": "k1", "task": {"type": "demo", "payload": 2}},
        {"task": {"type": "demo", "priority": 99}},
        {"task": {"type": "demo"}},
    ]);
    let answer = service
        .send(Call::post("/tasks/batch", &json!({ "items": items })))
        .await;
    let items = answer.body["items"].as_array().unwrap();
    let short: Vec<_> = items
        .iter()
        .map(|item| {
            (
                item["execution"]["id"].clone(),
                item["problem"]["code"].clone(),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            (json!(1), json!(null)),
            (json!(null), json!("invalid_body")),
            (json!(1), json!(null)),
            (json!(null), json!("idempotency_mismatch")),
            (json!(null), json!("invalid_body")),
            (json!(2), json!(null)),
        ]
    );
    insta::assert_json_snapshot!(items[1]);
}

#[tokio::test]
async fn a_key_for_the_whole_of_a_batch_is_refused() {
    let service = start().await;
    let body = json!({"items": [{"task": {"type": "demo"}}]});
    let call = Call::post("/tasks/batch", &body).header("idempotency-key", "k");
    let refused = service.send(call).await;
    assert_eq!(refused.code(), (400, "invalid_header"));
    assert_eq!(refused.body["field"], "idempotency-key");
    let listed = service.send(Call::get("/tasks")).await;
    assert_eq!(listed.body["items"], json!([]));
}

#[tokio::test]
async fn a_batch_has_its_bounds() {
    let service = start().await;
    let batch = |count| json!({"items": vec![json!({"task": {"type": "demo"}}); count]});
    let answer = service.send(Call::post("/tasks/batch", &batch(0))).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"items": [], "next": null}))
    );
    let answer = service
        .send(Call::post("/tasks/batch", &batch(1_001)))
        .await;
    assert_eq!(answer.code(), (422, "invalid_body"));
    assert_eq!(answer.body["field"], "items");
    let answer = service
        .send(Call::post("/tasks/batch", &batch(1_000)))
        .await;
    assert_eq!(answer.body["items"][999]["execution"]["id"], 1_000);
}
