//! `POST /v1/workers` and `GET /v1/workers`, and who a call is by.

use serde_json::{Value, json};

use crate::service::{Call, start};
use crate::worker::{Worker, registration};

#[tokio::test]
async fn a_registration_is_a_session_with_a_lease() {
    let service = start().await;
    let answer = service
        .send(Call::post("/v1/workers", &registration(4)))
        .await;
    insta::assert_json_snapshot!(answer.shown());
    assert_eq!(answer.body["token"].as_str().unwrap().len(), 32);
    service.running().await;
    insta::assert_json_snapshot!(service.send(Call::get("/v1/workers")).await.shown());
}

#[tokio::test]
async fn each_wrong_field_is_named() {
    let service = start().await;
    for (field, value) in [
        ("name", json!("")),
        ("queues", json!([])),
        ("queues", json!(["a b"])),
        ("types", json!(vec!["demo"; 257])),
        ("slots", json!(0)),
        ("slots", json!(1_001)),
    ] {
        let mut body = registration(1);
        body[field] = value;
        let answer = service.send(Call::post("/v1/workers", &body)).await;
        assert_eq!(answer.code(), (422, "invalid_body"), "{body}");
        assert_eq!(answer.body["field"], field);
    }
    let none = service.send(Call::get("/v1/workers")).await;
    assert_eq!(none.body["items"], json!([]));
}

fn calls_of(worker: &Worker) -> [Call; 6] {
    let nothing: [Value; 0] = [];
    [
        worker.claim(1),
        worker.results(&nothing),
        worker.stops(&nothing),
        worker.heartbeat(&json!({"held": []})),
        worker.signed(Call::get(&worker.path("/orders"))),
        worker.goodbye(),
    ]
}

#[tokio::test]
async fn a_wrong_token_finds_no_session() {
    let service = start().await;
    let worker = service.register(1).await;
    let forger = Worker {
        token: "0".repeat(32),
        ..worker.clone()
    };
    let stranger = Worker {
        id: 99,
        ..worker.clone()
    };
    for call in calls_of(&forger).into_iter().chain(calls_of(&stranger)) {
        assert_eq!(service.send(call).await.code(), (404, "worker_not_found"));
    }
    insta::assert_json_snapshot!(service.send(forger.claim(1)).await.shown());
    assert_eq!(service.send(worker.claim(1)).await.status, 200);
}

#[tokio::test]
async fn a_malformed_token_is_refused() {
    let service = start().await;
    let worker = service.register(1).await;
    for token in ["", "xyz", &"0".repeat(31), &"g".repeat(32)] {
        let forger = Worker {
            token: token.to_owned(),
            ..worker.clone()
        };
        for call in calls_of(&forger) {
            let answer = service.send(call).await;
            assert_eq!(answer.code(), (400, "invalid_header"), "{token}");
            assert_eq!(answer.body["field"], "taskpilot-session-token");
        }
    }
    let unsigned = Call::delete(&worker.path(""));
    assert_eq!(service.send(unsigned).await.code(), (400, "invalid_header"));
    let path = worker.signed(Call::delete("/v1/workers/x"));
    assert_eq!(service.send(path).await.code(), (400, "invalid_id"));
}
