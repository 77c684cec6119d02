//! `POST /tasks/cancel-batch`: each is decided for itself.

use serde_json::{Value, json};

use crate::service::{Call, Service, start};

async fn cancel(service: &Service, body: &Value) -> Value {
    let answer = service.send(Call::post("/tasks/cancel-batch", body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn outcomes(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().unwrap().iter();
    items
        .map(|item| item["outcome"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn each_of_many_is_told_what_became_of_it() {
    let service = start().await;
    service.running().await;
    let referred = json!({"type": "demo", "reference": "mine"});
    let mine = service.create_with(referred).await;
    let before = service.create().await;
    service.cancel(before).await;
    let items = json!([{"id": 1}, {"id": mine, "reference": "mine"},
        {"id": mine, "reference": "other"}, {"id": before}, {"id": 4_000_000_000_i64}]);
    let command = json!({"items": items, "reason": "enough"});
    let answer = cancel(&service, &command).await;
    let expected = ["canceled", "canceled", "missing", "already", "missing"];
    assert_eq!(outcomes(&answer), expected);
    assert_eq!(answer["items"][0]["id"], 1);
    let running = service.execution(1).await;
    assert_eq!(running["cancel"]["reason"], "enough");
    assert_eq!(running["stop"]["cause"], "BULK");
    // A repeat of the call since then is told the same of what it had canceled.
    let again = json!({"items": [{"id": 1}, {"id": mine}], "reason": "enough",
        "since": answer["decidedAt"]});
    assert_eq!(outcomes(&cancel(&service, &again).await), ["canceled"; 2]);
    let other = json!({"items": [{"id": 1}, {"id": mine}]});
    assert_eq!(outcomes(&cancel(&service, &other).await), ["already"; 2]);
    let asked_again = [(1, 1), (mine, 1), (before, 1)];
    for (id, count) in asked_again {
        let told = service.execution(id).await;
        assert_eq!(told["cancel"]["laterRequestCount"], count, "{told}");
    }
}

#[tokio::test]
async fn more_than_a_portion_is_decided_in_its_order_and_only_in_the_states_that_are_meant() {
    let service = start().await;
    service.running().await;
    let mut ids = vec![1];
    for _ in 0..250 {
        ids.push(service.create().await);
    }
    let items: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    let command = json!({"items": items, "states": ["PENDING"]});
    let answer = cancel(&service, &command).await;
    let told = answer["items"].as_array().unwrap().iter();
    let told: Vec<_> = told.map(|item| item["id"].as_i64().unwrap()).collect();
    assert_eq!(told, ids);
    assert_eq!(outcomes(&answer)[0], "changed");
    assert!(outcomes(&answer)[1..].iter().all(|one| *one == "canceled"));
    assert_eq!(service.execution(1).await["status"], "RUNNING");
    let look = json!({"items": [{"id": 1}], "states": []});
    assert_eq!(outcomes(&cancel(&service, &look).await), ["changed"]);
}

#[tokio::test]
async fn a_batch_of_nothing_tells_the_time_and_one_that_is_wrong_changes_nothing() {
    let service = start().await;
    let id = service.create().await;
    let nothing = cancel(&service, &json!({"items": []})).await;
    assert_eq!(nothing["items"], json!([]));
    assert!(nothing["decidedAt"].is_string(), "{nothing}");
    let many: Vec<_> = (1..=1_001).map(|id| json!({"id": id})).collect();
    for body in [
        json!({"items": many}),
        json!({"items": [{"id": id}], "since": "soon"}),
        json!({"items": [{"id": id}], "notAfter": "soon"}),
        json!({"items": [{"id": id}], "states": ["pending"]}),
        json!({"items": [{"id": id}], "colour": "red"}),
        json!({"items": [{"id": id, "reference": "x".repeat(256)}]}),
        json!({"items": [{"id": id}], "reason": "x".repeat(501)}),
    ] {
        let refused = service.send(Call::post("/tasks/cancel-batch", &body)).await;
        assert_eq!(refused.code(), (422, "invalid_body"), "{body}");
    }
    assert_eq!(service.execution(id).await["status"], "PENDING");
    let foreign = Call::post("/tasks/cancel-batch", &json!({"items": [{"id": id}]}));
    let foreign = foreign.header("taskpilot-namespace", "abroad");
    let foreign = service.send(foreign).await.body;
    assert_eq!(outcomes(&foreign), ["missing"]);
}
