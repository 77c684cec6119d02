//! Cancels of tasks that are named, and the calls around them.

use serde_json::json;

use super::scene::{counts, with_scheduler};
use crate::world::Call;

#[tokio::test]
async fn each_task_that_is_named_is_decided_for_itself() {
    let (scheduler, control) = with_scheduler().await;
    let (succeeded, _) = control.bound().await;
    scheduler
        .start_work()
        .await
        .end(&json!({"outcome": "succeeded"}))
        .await;
    let (running, _) = control.bound().await;
    let _work = scheduler.start_work().await;
    let (waiting, _) = control.bound().await;
    let (before, _) = control.bound().await;
    assert_eq!(control.cancel(before).await.status, 204);
    let pending = control.create().await;
    let nobody = 4_000_000_000_i64;
    let ids = [
        succeeded, running, waiting, before, pending, nobody, waiting,
    ];
    let begun = control.ask(&json!({"ids": ids, "reason": "enough"})).await;
    assert_eq!(begun.status, 201);
    let id = begun.body["id"].clone();
    let location = format!("/api/cancellations/{id}");
    assert_eq!(begun.header("location"), Some(&*location));
    let expected = json!({"id": id, "status": "RUNNING", "requestedAt": begun.body["requestedAt"],
        "requestedBy": "local", "reason": "enough", "maxPerSecond": null, "total": 6, "counts": counts(&[]),
        "completedAt": null});
    assert_eq!(begun.body, expected);
    control.tick().await;
    let done = control.send(Call::get(&location)).await.body;
    let all = [
        ("canceled", 2),
        ("already", 1),
        ("notBound", 1),
        ("refused", 1),
        ("missing", 1),
    ];
    assert_eq!(done["status"], "COMPLETED");
    assert_eq!(done["counts"], counts(&all));
    assert!(done["completedAt"].is_string(), "{done}");
    let expected = [
        (succeeded, json!("refused")),
        (running, json!("canceled")),
        (waiting, json!("canceled")),
        (before, json!("already")),
        (pending, json!("not_bound")),
        (nobody, json!("missing")),
    ];
    assert_eq!(control.outcomes(&id).await, expected);
    let view = control.view(running).await.body;
    assert_eq!(view["cancel"]["reason"], "enough");
    assert_eq!(view["cancel"]["requestedBy"], "local");
    assert_eq!(view["stop"]["cause"], "BULK");
    assert_eq!(control.task(pending).await["status"], "PENDING");
}

#[tokio::test]
async fn items_are_listed_by_what_became_of_them() {
    let (_scheduler, control) = with_scheduler().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(control.bound().await.0);
    }
    let pending = control.create().await;
    ids.push(pending);
    let done = control.carry_out(&json!({"ids": ids})).await;
    let path = format!("/api/cancellations/{}/items", done["id"]);
    let first = control
        .send(Call::get(&format!("{path}?outcome=canceled&limit=2")))
        .await;
    let item = |id: i64| json!({"taskId": id, "outcome": "canceled"});
    assert_eq!(first.body["items"], json!([item(ids[0]), item(ids[1])]));
    let next = first.body["next"].as_str().unwrap();
    let rest = format!("{path}?outcome=canceled&after={next}");
    let rest = control.send(Call::get(&rest)).await.body;
    assert_eq!(rest, json!({"items": [item(ids[2])], "next": null}));
    let other = control
        .send(Call::get(&format!("{path}?after={next}")))
        .await;
    assert_eq!(other.refusal(), (400, "invalid_cursor"));
    for wrong in ["outcome=gone", "limit=0", "colour=red"] {
        let refused = control.send(Call::get(&format!("{path}?{wrong}"))).await;
        assert_eq!(refused.refusal(), (400, "invalid_query"), "{wrong}");
    }
}

#[tokio::test]
async fn cancellations_are_listed_newest_first() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, control.begin(&json!({"ids": [task]})).await);
    }
    let list = control
        .send(Call::get("/api/cancellations?limit=2"))
        .await
        .body;
    let told = |id: i64| {
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == id)
    };
    assert!(told(ids[0]) && told(ids[1]) && !told(ids[2]), "{list}");
    let next = list["next"].as_str().unwrap();
    let rest = format!("/api/cancellations?after={next}");
    let rest = control.send(Call::get(&rest)).await.body;
    assert_eq!(rest["items"][0]["id"], ids[2]);
    assert_eq!(rest["next"], json!(null));
}

#[tokio::test]
async fn a_cancellation_is_repeatable_by_its_key() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let ask = |body| Call::post("/api/cancellations", &body).header("idempotency-key", "k");
    let first = control.send(ask(json!({"ids": [task]}))).await;
    control.tick().await;
    let again = control.send(ask(json!({"ids": [task]}))).await;
    assert_eq!((again.status, &again.body["id"]), (201, &first.body["id"]));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.body["status"], "COMPLETED", "as it is by now");
    for other in [
        json!({"ids": [task], "reason": "r"}),
        json!({"ids": [task], "maxPerSecond": 5}),
    ] {
        let other = control.send(ask(other)).await;
        assert_eq!(other.refusal(), (422, "idempotency_mismatch"));
    }
}

#[tokio::test]
async fn what_is_not_well_asked_for_is_refused_and_nothing_is_kept() {
    let (_scheduler, control) = with_scheduler().await;
    for (body, field) in [
        (json!({}), "ids"),
        (json!({"ids": [], "reason": "r"}), "ids"),
        (json!({"ids": [1], "filter": {"type": "a"}}), "filter"),
        (json!({"filter": {}}), "filter.type"),
        (json!({"ids": [1], "maxPerSecond": 0}), "maxPerSecond"),
        (json!({"ids": [1], "maxPerSecond": 100_001}), "maxPerSecond"),
        (json!({"filter": {"state": "FAILED"}}), "filter.state"),
    ] {
        let refused = control.ask(&body).await;
        assert_eq!(refused.refusal(), (422, "invalid_body"), "{body}");
        assert_eq!(refused.body["field"], field, "{body}");
    }
    for body in [
        json!({"ids": [0]}),
        json!({"ids": ["1"]}),
        json!({"ids": [1], "colour": "red"}),
        json!({"filter": {"colour": "red"}}),
        json!({"ids": [1], "maxPerSecond": 1.5}),
        json!({"ids": [1], "maxPerSecond": "5"}),
    ] {
        let refused = control.ask(&body).await;
        assert_eq!(refused.refusal(), (422, "invalid_body"), "{body}");
    }
    let list = control.send(Call::get("/api/cancellations")).await.body;
    assert_eq!(list, json!({"items": [], "next": null}));
    for path in ["/api/cancellations/7", "/api/cancellations/7/items"] {
        let missing = control.send(Call::get(path)).await;
        assert_eq!(missing.refusal(), (404, "cancellation_not_found"));
    }
    let missing = control.send(Call::put("/api/cancellations/7/cancel")).await;
    assert_eq!(missing.refusal(), (404, "cancellation_not_found"));
}
