//! Namespaces: what belongs to another one does not exist.

use serde_json::{Value, json};

use crate::service::{Call, start};

fn from_b(call: Call) -> Call {
    call.header("taskpilot-namespace", "b")
}

#[tokio::test]
async fn executions_of_another_namespace_do_not_exist() {
    let service = start().await;
    let id = service.create().await;
    for call in [
        Call::get(&format!("/tasks/{id}")),
        Call::put(&format!("/tasks/{id}/cancel")),
    ] {
        let answer = service.send(from_b(call)).await;
        assert_eq!(answer.code(), (404, "execution_not_found"));
    }
    for path in [
        "/tasks".to_owned(),
        format!("/tasks?ids={id}"),
        "/v1/workers".to_owned(),
    ] {
        let answer = service.send(from_b(Call::get(&path))).await;
        assert_eq!(answer.body["items"], json!([]), "{path}");
    }
    assert_eq!(service.execution(id).await["status"], "PENDING");
}

#[tokio::test]
async fn work_of_another_namespace_is_not_granted() {
    let service = start().await;
    let worker = service.register(1).await;
    let foreign = from_b(Call::post("/tasks", &json!({"type": "demo"})));
    assert_eq!(service.send(foreign).await.status, 201);
    assert_eq!(service.say(worker.claim(1)).await["grants"], json!([]));
}

#[tokio::test]
async fn a_session_of_another_namespace_does_not_exist() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    let nothing: [Value; 0] = [];
    for call in [
        worker.claim(1),
        worker.results(&nothing),
        worker.stops(&nothing),
        worker.heartbeat(&json!({"held": []})),
        worker.signed(Call::get(&worker.path("/orders"))),
        worker.goodbye(),
    ] {
        let answer = service.send(from_b(call)).await;
        assert_eq!(answer.code(), (404, "worker_not_found"));
    }
    let beat = json!({"held": [crate::worker::held(&grant)], "claimSeq": 1});
    assert_eq!(
        service.say(worker.heartbeat(&beat)).await["lost"],
        json!([])
    );
}

#[tokio::test]
async fn a_malformed_namespace_is_refused() {
    let service = start().await;
    let call = Call::get("/tasks").header("taskpilot-namespace", "a b");
    assert_eq!(service.send(call).await.code(), (400, "invalid_header"));
}
