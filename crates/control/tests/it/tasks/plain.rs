//! In front of a scheduler that has nothing but the plain contract.

use std::sync::Arc;

use serde_json::{Value, json};
use taskpilot_api::extensions::Extensions;
use taskpilot_client::transport::Policy;
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};

use crate::world::{Answer, Call, Control, HURRIED, before, clock, start};

async fn with_scheduler() -> (StandIn, Control) {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    (scheduler, control)
}

#[tokio::test]
async fn nothing_is_sent_that_the_plain_contract_does_not_have() {
    let (scheduler, control) = with_scheduler().await;
    let options = json!({"schedulerType": "other", "queue": "mail", "cancelGraceMs": 5});
    let task = control.create().await;
    let path = format!("/api/tasks/{task}");
    let bound = control
        .send(Call::post(&format!("{path}/scheduler"), &options))
        .await;
    assert_eq!(bound.status, 201);
    control.view(task).await;
    control.send(Call::get("/api/tasks")).await;
    let cancel = Call::put(&format!("{path}/execution/cancel")).header("prefer", "wait=1");
    let canceled = control
        .send(cancel.json(&json!({"reason": "enough"})))
        .await;
    assert_eq!(
        (canceled.status, canceled.header("preference-applied")),
        (204, None)
    );
    let creates: Vec<Value> = scheduler
        .creates()
        .iter()
        .map(|seen| seen.json().unwrap())
        .collect();
    assert_eq!(creates, [json!({"type": "other", "payload": "hello"})]);
    for seen in scheduler.seen() {
        let names = seen.headers.iter().map(|(name, _)| name.as_str());
        let ours: Vec<&str> = names
            .filter(|name| {
                name.starts_with("taskpilot-") || ["prefer", "idempotency-key"].contains(name)
            })
            .collect();
        assert_eq!(ours, Vec::<&str>::new(), "{seen:?}");
        assert!(seen.is_create() || seen.body.is_empty(), "{seen:?}");
        assert!(
            seen.is_create() || seen.is_cancel() || seen.method == "GET",
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn what_it_does_not_send_is_null_and_what_it_sends_is_told() {
    let (scheduler, control) = with_scheduler().await;
    let (task, execution) = control.bound().await;
    insta::assert_json_snapshot!("plain_view", control.view(task).await.body);
    let members = json!({"status": "Wartet", "scheduledFor": "2026-01-01T00:00:01.000Z",
        "processingStartedAt": "2026-01-01T00:00:01.250Z", "shard": "secret", "attempts": "many",
        "reference": "its own"});
    scheduler.amend(execution, &members).unwrap();
    insta::assert_json_snapshot!("plain_view_with_more", control.view(task).await.body);
}

#[tokio::test]
async fn lists_go_on_without_executions_and_executions_are_not_listed() {
    let (_scheduler, control) = with_scheduler().await;
    control.bound().await;
    control.create().await;
    let list = control.send(Call::get("/api/tasks")).await;
    let told = |item: &Value| {
        (
            item["execution"].clone(),
            item["executionUnavailable"].clone(),
        )
    };
    let items: Vec<_> = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(told)
        .collect();
    assert_eq!(
        items,
        [(Value::Null, Value::Null), (Value::Null, json!(true))]
    );
    for path in ["/api/executions", "/api/workers"] {
        let refused = control.send(Call::get(path)).await;
        assert_eq!(
            refused.problem(),
            (500, "scheduler_error", Some("not_applied")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn many_binds_at_once_send_one_create() {
    let (scheduler, control) = with_scheduler().await;
    let task = control.create().await;
    let control = Arc::new(control);
    let bind = |_| {
        let control = control.clone();
        tokio::spawn(async move { control.bind(task).await })
    };
    let binds: Vec<_> = (0..50).map(bind).collect();
    for bind in binds {
        let bound = bind.await.unwrap();
        assert!(bound.status == 200 || bound.status == 201, "{bound:?}");
    }
    assert_eq!(scheduler.creates().len(), 1);
}

#[tokio::test]
async fn a_create_of_unknown_fate_is_never_sent_again() {
    for (manner, status) in [
        (Manner::WorksAndHangsUp, 503),
        (Manner::HangsUp, 503),
        (Manner::Hangs, 503),
        (Says::status(500).into(), 500),
        (Says::status(303).into(), 500),
        (Says::status(200).body("nonsense").into(), 500),
        (Says::status(201).json(&json!({"id": "x"})).into(), 500),
    ] {
        let name = format!("{manner:?}");
        let hangs = manner == Manner::Hangs;
        let policy = if hangs { HURRIED } else { Policy::default() };
        let scheduler = StandIn::start_as(manner.for_creates()).await.unwrap();
        let control = start(&scheduler.url(), clock(), policy);
        let task = control.create().await;
        let lost = control.bind(task).await;
        let (found, _, outcome) = lost.problem();
        assert_eq!((found, outcome), (status, Some("unknown")), "{name}");
        let stuck = ("BINDING".into(), Some("unknown_outcome".into()), None);
        assert_eq!(control.standing(task).await, stuck, "{name}");

        scheduler.behave(Manner::Plain);
        let again = control.bind(task).await;
        assert_eq!(
            again.problem(),
            (500, "scheduler_error", Some("unknown")),
            "{name}"
        );
        let cancel = control.cancel(task).await;
        assert_eq!(
            cancel.problem(),
            (500, "scheduler_error", Some("unknown")),
            "{name}"
        );
        let control = control.restart(&scheduler.url());
        control.tick().await;
        control.reconcile().await;
        assert_eq!(control.standing(task).await, stuck, "{name}");
        assert_eq!(scheduler.creates().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_create_of_unknown_fate_is_not_sent_in_our_form_either() {
    let scheduler = StandIn::start_as(Manner::HangsUp.for_creates())
        .await
        .unwrap();
    let control = before(&scheduler.url());
    let task = control.create().await;
    control.bind(task).await;
    // The scheduler was replaced by one that honours keys, and never saw this one.
    let ours = Says::status(201).json(&json!({"id": 7}));
    let ours = ours.header("TaskPilot-Extensions", Extensions::all().to_header());
    scheduler.behave(ours.into());
    scheduler.forget();
    let control = control.restart(&scheduler.url());
    control.tick().await;
    let lost = control.bind(task).await;
    assert_eq!(lost.problem(), (500, "scheduler_error", Some("unknown")));
    assert_eq!(scheduler.seen(), []);
}

#[tokio::test]
async fn a_create_that_was_certainly_not_taken_up_frees_the_task() {
    for (status, retryable) in [
        (429, true),
        (503, true),
        (400, false),
        (409, false),
        (410, false),
    ] {
        let says = Says::status(status).header("Retry-After", "7");
        let scheduler = StandIn::start_as(Manner::from(says).for_creates())
            .await
            .unwrap();
        let control = before(&scheduler.url());
        let task = control.create().await;
        let refused = control.bind(task).await;
        let expected = (500, "scheduler_error", Some("not_applied"));
        assert_eq!(refused.problem(), expected, "{status}");
        assert_eq!(refused.body["retryable"], retryable, "{status}");
        let free = ("PENDING".into(), Some("scheduler_error".into()), None);
        assert_eq!(control.standing(task).await, free, "{status}");
        assert_eq!(scheduler.cancels(), [], "{status}");
        scheduler.behave(Manner::Plain);
        assert_eq!(control.bind(task).await.status, 201);
    }
}

#[tokio::test]
async fn a_create_that_was_never_sent_is_sent_when_the_scheduler_is_there() {
    let mut scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    control.bound().await;
    scheduler.refuse().await;
    let task = control.create().await;
    let away = control.bind(task).await;
    assert_eq!(
        away.problem(),
        (503, "scheduler_unavailable", Some("not_applied"))
    );
    scheduler.listen().await.unwrap();
    control.reconcile().await;
    assert_eq!(
        control.standing(task).await,
        ("BOUND".into(), None, Some(4_002))
    );
    assert_eq!(scheduler.creates().len(), 2);
}

#[tokio::test]
async fn a_cancel_while_binding_comes_after_the_create() {
    let mut scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    scheduler.refuse().await;
    let task = control.create().await;
    control.bind(task).await;
    let away: Answer = control.cancel(task).await;
    assert_eq!(
        away.problem(),
        (503, "scheduler_unavailable", Some("unknown"))
    );
    scheduler.listen().await.unwrap();
    // The first look binds, which makes the cancel due; the second carries it out.
    control.reconcile().await;
    control.tick().await;
    assert_eq!(
        control.standing(task).await,
        ("BOUND".into(), None, Some(4_001))
    );
    assert_eq!(scheduler.task(4_001).unwrap()["status"], "CANCELED");
    scheduler.forget();
    control.reconcile().await;
    assert_eq!(scheduler.seen(), []);
}

#[tokio::test]
async fn a_cancel_while_binding_is_answered_by_the_cancel_of_what_was_bound() {
    let mut scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    scheduler.refuse().await;
    let task = control.create().await;
    control.bind(task).await;
    scheduler.listen().await.unwrap();
    assert_eq!(control.cancel(task).await.status, 204);
    assert_eq!(scheduler.task(4_001).unwrap()["status"], "CANCELED");
    assert_eq!(
        (scheduler.creates().len(), scheduler.cancels().len()),
        (1, 1)
    );
    scheduler.forget();
    control.reconcile().await;
    assert_eq!(scheduler.seen(), []);
}
