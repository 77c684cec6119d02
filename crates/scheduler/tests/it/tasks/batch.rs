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
async fn an_item_that_cannot_be_read_is_refused_alone() {
    let service = start().await;
    let items = json!([
        {"task": {"type": "demo"}},
        {"task": {"type": 7}},
        {"task": {"type": "demo", "surely": "unknown"}},
        {"idempotencyKey": "with space", "task": {"type": "demo"}},
        {"key": "k", "task": {"type": "demo"}},
        [null, {"type": "demo"}],
        null,
        {"task": {"type": "demo"}},
    ]);
    let batch = json!({ "items": items });
    let answer = service.say(Call::post("/tasks/batch", &batch)).await;
    let items = answer["items"].as_array().unwrap();
    let told = items.iter().map(|item| {
        let code = item["problem"]["code"].as_str();
        (item["execution"]["id"].as_i64(), code)
    });
    let refused = (None, Some("invalid_body"));
    let mut expected = [refused; 8];
    (expected[0], expected[7]) = ((Some(1), None), (Some(2), None));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let listed = service.say(Call::get("/tasks")).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
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
