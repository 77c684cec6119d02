//! Binds that the scheduler refuses for good: the key is spent, the task is free again.

use serde_json::{Value, json};
use taskpilot_api::extensions::Extensions;
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};

use crate::world::{Answer, Call, Control, before};

/// Stands in every raw answer, and in no answer of ours.
const SECRET: &str = "stack-trace-of-the-scheduler";

/// An answer of a scheduler that has all of our extensions.
fn ours(status: u16) -> Says {
    Says::status(status).header("TaskPilot-Extensions", Extensions::all().to_header())
}

fn problem(status: u16, code: &str, field: &str) -> Says {
    ours(status).json(&json!({"code": code, "field": field, "detail": SECRET}))
}

/// A scheduler that answers creates so, knows no execution, and takes tombstones.
fn to_creates(says: Says) -> Manner {
    Manner::from(says).for_creates_else(ours(404).into())
}

async fn bound_with(control: &Control, task: i64, options: &Value) -> Answer {
    control
        .send(Call::post(&format!("/api/tasks/{task}/scheduler"), options))
        .await
}

fn tombstones(scheduler: &StandIn) -> Vec<String> {
    let cancels = scheduler.cancels().into_iter();
    cancels.map(|cancel| cancel.path).collect()
}

#[tokio::test]
async fn a_definite_refusal_spends_the_key_and_frees_the_task() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    for status in [400, 401, 403, 404, 405, 409, 410, 418, 422] {
        scheduler.behave(to_creates(problem(status, SECRET, "shard")));
        scheduler.forget();
        let task = control.create().await;
        let refused = control.bind(task).await;
        assert_eq!(
            refused.problem(),
            (500, "scheduler_error", Some("not_applied")),
            "{status}"
        );
        assert_eq!(refused.body["retryable"], false);
        let free = ("PENDING".into(), Some("scheduler_error".into()), None);
        assert_eq!(control.standing(task).await, free, "{status}");
        assert!(!format!("{:?}{}", refused, control.task(task).await).contains(SECRET));
        let creates = scheduler.creates();
        assert_eq!(creates.len(), 1, "{status}");
        let key = creates[0].json().unwrap()["reference"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            tombstones(&scheduler),
            [format!("/tasks/by-key/{key}/cancel")]
        );

        scheduler.behave(Manner::from(ours(201).json(&json!({"id": 7}))));
        assert_eq!(control.bind(task).await.status, 201);
        assert_eq!(
            control.standing(task).await,
            ("BOUND".into(), None, Some(7))
        );
    }
}

#[tokio::test]
async fn an_option_that_the_scheduler_names_is_told_to_whom_it_belongs() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    scheduler.behave(to_creates(problem(422, "invalid_body", "backoff.factor")));
    let task = control.create().await;
    let refused = bound_with(&control, task, &json!({"backoff": {"factor": 3}})).await;
    assert_eq!(
        refused.problem(),
        (422, "invalid_body", Some("not_applied"))
    );
    assert_eq!(refused.body["field"], "backoff");
    assert_eq!(
        control.task(task).await["bindError"],
        json!({
            "code": "invalid_body",
            "detail": "The scheduler does not accept the option backoff."
        })
    );

    let body = json!({"type": "demo", "bind": true, "execution": {"backoff": {"factor": 3}}});
    let created = control.send(Call::post("/api/tasks", &body)).await;
    let seen = (
        created.status,
        &created.body["status"],
        &created.body["bindError"]["code"],
    );
    assert_eq!(seen, (201, &json!("PENDING"), &json!("invalid_body")));
}

#[tokio::test]
async fn a_refused_task_is_free_only_when_its_key_is_spent() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    scheduler.behave(Manner::from(ours(201).json(&json!({"id": 6}))));
    control.bound().await;
    scheduler.behave(Manner::from(ours(400)).for_creates_else(Manner::HangsUp));
    let task = control.create().await;
    let refused = control.bind(task).await;
    assert_eq!(
        refused.problem(),
        (500, "scheduler_error", Some("not_applied"))
    );
    assert_eq!(control.task(task).await["status"], "BINDING");
    control.reconcile().await;
    assert_eq!(control.task(task).await["status"], "BINDING");

    scheduler.forget();
    scheduler.behave(Manner::from(ours(201).json(&json!({"id": 8}))));
    control.reconcile().await;
    let free = ("PENDING".into(), Some("scheduler_error".into()), None);
    assert_eq!(control.standing(task).await, free);
    assert_eq!(
        (scheduler.creates().len(), tombstones(&scheduler).len()),
        (0, 1)
    );
}

#[tokio::test]
async fn a_binding_whose_key_has_expired_is_lost_until_somebody_looks() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    scheduler.behave(to_creates(problem(410, "binding_key_expired", "")));
    let task = control.create().await;
    let lost = control.bind(task).await;
    assert_eq!(lost.problem(), (500, "scheduler_error", Some("unknown")));
    let stuck = ("BINDING".into(), Some("binding_key_expired".into()), None);
    assert_eq!(control.standing(task).await, stuck);
    scheduler.forget();
    control.reconcile().await;
    assert_eq!(scheduler.seen(), []);
    assert_eq!(control.standing(task).await, stuck);
}

#[tokio::test]
async fn what_only_says_not_now_is_sent_again() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    for (says, retry_after, outcome) in [
        (
            ours(429).header("Retry-After", "7"),
            Some("7"),
            "not_applied",
        ),
        (
            ours(503).header("Retry-After", "9"),
            Some("9"),
            "not_applied",
        ),
        (ours(500), None, "unknown"),
        (
            ours(303).header("Location", "http://127.0.0.1:9/"),
            None,
            "unknown",
        ),
        (
            problem(409, "idempotency_in_flight", ""),
            None,
            "not_applied",
        ),
        (ours(201).json(&json!({"id": "seven"})), None, "unknown"),
        (ours(201).body("nonsense"), None, "unknown"),
    ] {
        let name = format!("{says:?}");
        scheduler.behave(to_creates(says));
        let task = control.create().await;
        let again = control.bind(task).await;
        assert_eq!(
            again.problem(),
            (500, "scheduler_error", Some(outcome)),
            "{name}"
        );
        assert_eq!(again.header("retry-after"), retry_after, "{name}");
        assert_eq!(again.body["retryable"], retry_after.is_some(), "{name}");
        let open = ("BINDING".into(), Some("scheduler_error".into()), None);
        assert_eq!(control.standing(task).await, open, "{name}");
        scheduler.behave(Manner::from(ours(201).json(&json!({"id": 7}))));
        control.reconcile().await;
        assert_eq!(
            control.standing(task).await,
            ("BOUND".into(), None, Some(7)),
            "{name}"
        );
    }
}
