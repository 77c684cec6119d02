//! `PUT /tasks/{id}/release-stuck`.

use serde_json::{Value, json};

use crate::service::{Call, Service, start};
use crate::worker::{Worker, about, killed, stage};

fn release(body: &Value) -> Call {
    Call::put("/tasks/1/release-stuck").json(body)
}

fn why(reason: &str) -> Value {
    json!({ "reason": reason })
}

/// An attempt that ran too long and whose work nobody could end.
async fn stuck(service: &Service) -> (Worker, Value) {
    let body = json!({"type": "demo", "attemptTimeoutMs": 1_000, "reference": "task 7",
        "backoff": {"initialMs": 0, "maxMs": 0}});
    service.create_with(body).await;
    let worker = service.register(1).await;
    let grant = service.say(worker.claim(1)).await["grants"][0].clone();
    service.pass_ms(1_500).await;
    let report = worker.stops(&[stage(&grant, "stuck")]);
    service.say(report).await;
    (worker, grant)
}

#[tokio::test]
async fn a_stuck_stop_is_released_and_the_next_attempt_may_begin() {
    let service = start().await;
    let (worker, grant) = stuck(&service).await;
    let blocked = service.execution(1).await;
    assert_eq!(
        (&blocked["phase"], &blocked["blockedBy"]),
        (&json!("BLOCKED"), &json!("stop_unproven"))
    );
    let first = service.say(release(&why("the host is off"))).await;
    assert_eq!(
        (&first["status"], &first["phase"]),
        (&json!("PENDING"), &json!("READY"))
    );
    let stop = &first["stop"];
    assert_eq!(
        (&stop["status"], &stop["endedAt"]),
        (&json!("STUCK"), &Value::Null)
    );
    let released = json!({"at": "2026-03-01T00:00:01.500Z", "by": "local",
        "reason": "the host is off"});
    assert_eq!(stop["released"], released);
    service.clock.advance(9);
    let again = service.say(release(&why("once more"))).await;
    assert_eq!(again, first);
    let listed = service.say(Call::get("/v1/workers")).await;
    let seen = &listed["items"][0];
    assert_eq!(
        (&seen["stopping"], &seen["released"]),
        (&json!(0), &json!(1))
    );

    let other = service.register(1).await;
    let next = service.say(other.claim(1)).await["grants"][0].clone();
    assert_eq!(next["attempt"], 2);
    service.say(worker.stops(&[killed(&grant)])).await;
    let after = service.execution(1).await;
    let stop = &after["attempts"][0]["stop"];
    assert_eq!(
        (&after["status"], &stop["status"], &stop["released"]),
        (&json!("RUNNING"), &json!("STOPPED"), &released)
    );
}

#[tokio::test]
async fn what_cannot_be_released_is_said() {
    let service = start().await;
    let missing = service.send(release(&why("x"))).await;
    assert_eq!(missing.code(), (404, "execution_not_found"));
    let (worker, grant) = stuck(&service).await;
    for body in [
        json!({}),
        why(""),
        why("  "),
        why(&"x".repeat(501)),
        json!({"reason": "x", "attempt": "1"}),
        json!({"reason": "x", "why": "y"}),
    ] {
        let answer = service.send(release(&body)).await;
        assert_eq!(answer.code(), (422, "invalid_body"), "{body}");
    }
    let other = json!({"reason": "x", "reference": "task 8"});
    let answer = service.send(release(&other)).await;
    assert_eq!(answer.code(), (404, "execution_not_found"));
    let absent = json!({"reason": "x", "attempt": 2});
    let answer = service.send(release(&absent)).await;
    assert_eq!(answer.code(), (409, "stop_not_stuck"));
    assert_eq!(service.execution(1).await["blockedBy"], "stop_unproven");
    let proof = about(&grant, &json!({"stage": "stopped", "how": "killed"}));
    service.say(worker.stops(&[proof])).await;
    let answer = service.send(release(&why("x"))).await;
    assert_eq!(answer.code(), (409, "stop_not_stuck"));
    assert_eq!(answer.body["detail"], "the stop is STOPPED");
}

#[tokio::test]
async fn a_released_stop_is_still_no_proof_for_who_waits() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.cancel(1).await;
    service.say(worker.stops(&[stage(&grant, "stuck")])).await;
    let free = service.say(release(&why("x"))).await;
    assert_eq!(free["status"], "CANCELED");
    let waiting = Call::put("/tasks/1/cancel").header("prefer", "wait=25");
    let answer = service.send(waiting).await;
    assert_eq!(
        (answer.status, &answer.body["stop"]["status"]),
        (202, &json!("STUCK"))
    );
}
