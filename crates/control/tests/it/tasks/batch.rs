//! `POST /api/tasks/batch`.

use std::collections::HashSet;

use serde_json::{Value, json};
use taskpilot_api::extensions::Extensions;
use taskpilot_client::transport::Policy;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};

use crate::ours;
use crate::world::{Answer, Call, Control, HURRIED, before, clock, start};

async fn batch(control: &Control, items: &Value) -> Answer {
    let body = json!({ "items": items });
    control.send(Call::post("/api/tasks/batch", &body)).await
}

/// The answers to the items.
async fn answers(control: &Control, items: &Value) -> Vec<Value> {
    let answer = batch(control, items).await;
    assert_eq!((answer.status, &answer.body["next"]), (200, &Value::Null));
    let items = answer.body["items"].as_array().unwrap();
    items.clone()
}

/// Status, id of the task, code and field of the problem.
type Short<'a> = (u64, Option<i64>, Option<&'a str>, Option<&'a str>);

fn short(answers: &[Value]) -> Vec<Short<'_>> {
    let short = answers.iter().map(|answer| {
        let (task, problem) = (&answer["task"], &answer["problem"]);
        assert_ne!(task.is_null(), problem.is_null(), "{answer}");
        (
            answer["status"].as_u64().unwrap(),
            task["id"].as_i64(),
            problem["code"].as_str(),
            problem["field"].as_str(),
        )
    });
    short.collect()
}

/// Status of each task, the code of its bind error, and its execution.
fn standings(answers: &[Value]) -> Vec<(&str, Option<&str>, Option<i64>)> {
    assert!(answers.iter().all(|answer| answer["status"] == 201));
    let standings = answers.iter().map(|answer| {
        let task = &answer["task"];
        (
            task["status"].as_str().unwrap(),
            task["bindError"]["code"].as_str(),
            task["schedulerTaskId"].as_i64(),
        )
    });
    standings.collect()
}

fn nobody() -> Control {
    before(&ReservedPort::take().unwrap().url())
}

fn to_bind(count: usize) -> Value {
    let item = |n| json!({"type": "demo", "payload": format!("{n}"), "bind": true});
    (0..count).map(item).collect()
}

#[tokio::test]
async fn each_item_stands_or_falls_alone() {
    let control = nobody();
    let alone = Call::post("/api/tasks", &json!({"type": "demo", "payload": {"a": 1}}));
    let before = control.send(alone.header("idempotency-key", "old")).await;
    assert_eq!(before.body["id"], 1);
    let items = json!([
        {"idempotencyKey": "old", "type": "demo", "payload": {"a": 1}},
        {"idempotencyKey": "k", "type": "demo", "title": "T", "labels": {"a": "b"}, "payload": 1},
        {"type": "a b"},
        {"idempotencyKey": "k", "type": "demo", "title": "T", "labels": {"a": "b"}, "payload": 1},
        {"idempotencyKey": "k", "type": "demo", "payload": 2},
        {"type": "demo", "shard": 1},
        {"idempotencyKey": "with space", "type": "demo"},
        [],
        {"type": "demo", "execution": {}},
        {"type": "demo", "bind": true, "execution": {"deadline": "2026-02-01T00:00:00Z"}},
        {"payload": "no type"},
        {"type": "demo"},
    ]);
    let answers = answers(&control, &items).await;
    let refused = |field| (422, None, Some("invalid_body"), field);
    assert_eq!(
        short(&answers),
        [
            (201, Some(1), None, None),
            (201, Some(2), None, None),
            refused(Some("type")),
            (201, Some(2), None, None),
            (422, None, Some("idempotency_mismatch"), None),
            refused(None),
            refused(Some("idempotencyKey")),
            refused(None),
            refused(Some("execution")),
            refused(Some("execution.deadline")),
            refused(None),
            (201, Some(3), None, None),
        ]
    );
    assert_eq!(answers[0]["task"], before.body);
    assert_eq!(answers[1]["task"], control.task(2).await);
    assert_eq!(answers[3], answers[1]);
    insta::assert_json_snapshot!(answers[2]);
    // A key is one key, in a batch and alone.
    let body = json!({"type": "demo", "title": "T", "labels": {"a": "b"}, "payload": 1});
    let alone = Call::post("/api/tasks", &body).header("idempotency-key", "k");
    let again = control.send(alone).await;
    assert_eq!((again.status, &again.body), (201, &answers[1]["task"]));
    assert_eq!(control.create().await, 4);
}

#[tokio::test]
async fn a_key_for_the_whole_of_a_batch_is_refused() {
    let control = nobody();
    let body = json!({"items": [{"type": "demo"}]});
    let call = Call::post("/api/tasks/batch", &body).header("idempotency-key", "k");
    let refused = control.send(call).await;
    assert_eq!(refused.refusal(), (400, "invalid_header"));
    assert_eq!(refused.body["field"], "idempotency-key");
    let detail = "each item has its own key, `idempotencyKey`";
    assert_eq!(refused.body["detail"], detail);
    assert_eq!(control.create().await, 1);
}

#[tokio::test]
async fn a_batch_has_its_bounds() {
    let control = nobody();
    let many = |count| -> Value { vec![json!({"type": "demo"}); count].into() };
    for count in [0, 1_001] {
        let refused = batch(&control, &many(count)).await;
        assert_eq!(refused.refusal(), (422, "invalid_body"), "{count}");
        assert_eq!(refused.body["field"], "items");
    }
    for body in [
        json!({}),
        json!({"items": {}}),
        json!({"items": [{"type": "demo"}], "more": 1}),
    ] {
        let refused = control.send(Call::post("/api/tasks/batch", &body)).await;
        assert_eq!(refused.refusal(), (422, "invalid_body"), "{body}");
    }
    let most = answers(&control, &many(1_000)).await;
    let ids: Vec<_> = short(&most).into_iter().map(|answer| answer.1).collect();
    let expected: Vec<_> = (1..=1_000).map(Some).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn items_are_bound_with_a_key_and_options_of_their_own() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let way = Manner::Forwards(scheduler.address);
    let way = StandIn::start_as(way).await.unwrap();
    let control = start(&way.url(), clock, Policy::default());
    let mut items = to_bind(70);
    items[0] = json!({"type": "demo"});
    items[1] = json!({"type": "demo", "payload": 7, "bind": true, "schedulerType": "demo-slow",
        "execution": {"queue": "mail", "priority": 3}, "idempotencyKey": "k"});
    items[69] = items[1].clone();
    let first = answers(&control, &items).await;
    // One look at what it offers, and one call for all.
    let calls: Vec<_> = way.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(calls, ["GET", "POST"]);
    let standings = standings(&first);
    assert_eq!(standings[0], ("PENDING", None, None));
    assert_eq!(first[69], first[1]);
    let mut executions: Vec<_> = standings[1..69]
        .iter()
        .map(|(status, error, execution)| {
            assert_eq!((*status, *error), ("BOUND", None));
            execution.unwrap()
        })
        .collect();
    let own = executions[0];
    executions.sort_unstable_by_key(|id| -id);
    assert_eq!(executions, scheduler.executions().await);
    let (_, own) = scheduler.ask("GET", &format!("/tasks/{own}"), None).await;
    assert_eq!(
        (
            &own["type"],
            &own["payload"],
            &own["queue"],
            &own["priority"]
        ),
        (&json!("demo-slow"), &json!(7), &json!("mail"), &json!(3))
    );
    assert_eq!(own["reference"], own["idempotencyKey"]);
    let again = json!([items[1]]);
    assert_eq!(answers(&control, &again).await, [first[1].clone()]);
    assert_eq!(scheduler.executions().await.len(), 68);
}

#[tokio::test]
async fn a_plain_scheduler_is_sent_each_create_once() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let answers = answers(&control, &to_bind(40)).await;
    let bound = |standing: &(_, Option<&str>, Option<i64>)| {
        (standing.0, standing.1, standing.2.is_some()) == ("BOUND", None, true)
    };
    assert!(standings(&answers).iter().all(bound), "{answers:?}");
    let creates = scheduler.creates().into_iter();
    let mut payloads: Vec<u64> = creates
        .map(|seen| {
            seen.json().unwrap()["payload"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    payloads.sort_unstable();
    assert_eq!(payloads, (0..40).collect::<Vec<u64>>());
}

#[tokio::test]
async fn an_item_that_the_scheduler_refuses_is_a_task_that_is_free() {
    let ours =
        |status| Says::status(status).header("TaskPilot-Extensions", Extensions::all().to_header());
    let refusal = json!({"code": "invalid_body", "field": "priority"});
    let creates = Manner::from(ours(422).json(&refusal));
    let scheduler = StandIn::start_as(creates.for_creates_else(ours(404).into()))
        .await
        .unwrap();
    let control = before(&scheduler.url());
    let answers = answers(&control, &to_bind(2)).await;
    let free = ("PENDING", Some("invalid_body"), None);
    assert_eq!(standings(&answers), [free, free]);
    // Both keys are spent.
    assert_eq!(
        (scheduler.creates().len(), scheduler.cancels().len()),
        (2, 2)
    );
}

#[tokio::test]
async fn what_cannot_be_bound_yet_is_binding_and_the_reconciler_goes_on() {
    let control = nobody();
    let answers = answers(&control, &to_bind(3)).await;
    let open = ("BINDING", Some("scheduler_unavailable"), None);
    assert_eq!(standings(&answers), [open; 3]);
    let scheduler = ours::start(control.clock.clone()).await;
    let control = control.restart(&scheduler.url());
    control.tick().await;
    for task in 1..=3 {
        assert_eq!(control.task(task).await["status"], "BOUND");
    }
    assert_eq!(scheduler.executions().await.len(), 3);
}

#[tokio::test]
async fn a_scheduler_that_hangs_holds_a_batch_no_longer_than_one_call() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let to = scheduler.address;
    let way = StandIn::start_as(Manner::Forwards(to)).await.unwrap();
    let control = start(&way.url(), clock, HURRIED);
    control.bound().await;
    way.behave(Manner::Hangs);
    way.forget();
    let answers = answers(&control, &to_bind(100)).await;
    // One after the other, all would have been sent before the answer.
    let creates = way.creates();
    let sent: HashSet<_> = creates.iter().map(|create| &create.body).collect();
    assert!(sent.len() < 100, "{} were sent", sent.len());
    let binding = standings(&answers)
        .iter()
        .all(|standing| standing.0 == "BINDING");
    assert!(binding, "{answers:?}");
    way.behave(Manner::Forwards(to));
    for _ in 0..5 {
        control.reconcile().await;
    }
    for task in 2..=101 {
        assert_eq!(control.task(task).await["status"], "BOUND");
    }
    assert_eq!(scheduler.executions().await.len(), 101);
}

#[tokio::test]
async fn a_batch_whose_answer_is_lost_makes_one_execution_for_each() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let to = scheduler.address;
    let way = StandIn::start_as(Manner::Forwards(to)).await.unwrap();
    let control = start(&way.url(), clock, Policy::default());
    control.bound().await;
    way.behave(Manner::ForwardsAndHangsUp(to));
    let answers = answers(&control, &to_bind(3)).await;
    let open = ("BINDING", Some("scheduler_unavailable"), None);
    assert_eq!(standings(&answers), [open; 3]);
    assert_eq!(scheduler.executions().await.len(), 4);
    way.behave(Manner::Forwards(to));
    control.reconcile().await;
    for task in 2..=4 {
        assert_eq!(control.task(task).await["status"], "BOUND");
    }
    assert_eq!(scheduler.executions().await.len(), 4);
}

#[tokio::test]
async fn what_a_batch_answers_to_each_is_judged_as_if_it_were_alone() {
    let option = json!({"status": 422, "code": "invalid_body", "field": "priority"});
    let expired = json!({"status": 410, "code": "binding_key_expired"});
    let said = json!({"items": [
        {"execution": {"id": 7}},
        {"problem": option},
        {"problem": expired},
        {"problem": {"status": 503}},
        {"problem": {"detail": "no status"}},
        {"execution": {"id": "7"}},
        {},
    ]});
    let says = Says::status(200).header("TaskPilot-Extensions", Extensions::all().to_header());
    let scheduler = StandIn::start_as(says.json(&said).into()).await.unwrap();
    let control = before(&scheduler.url());
    let answers = answers(&control, &to_bind(7)).await;
    let open = ("BINDING", Some("scheduler_error"), None);
    assert_eq!(
        standings(&answers),
        [
            ("BOUND", None, Some(7)),
            ("PENDING", Some("invalid_body"), None),
            ("BINDING", Some("binding_key_expired"), None),
            open,
            open,
            open,
            open,
        ]
    );
    // The key of the one that was refused is spent, and nothing is sent alone.
    assert_eq!(
        (scheduler.creates().len(), scheduler.cancels().len()),
        (0, 1)
    );
}

#[tokio::test]
async fn what_is_sent_together_fits_into_one_body_of_the_scheduler() {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let way = Manner::Forwards(scheduler.address);
    let way = StandIn::start_as(way).await.unwrap();
    let control = start(&way.url(), clock, Policy::default());
    // With the options written out, three of these are more than a body takes.
    let payload = "x".repeat(349_400);
    let items: Value = vec![json!({"type": "demo", "payload": payload, "bind": true}); 3].into();
    let answers = answers(&control, &items).await;
    assert!(
        standings(&answers)
            .iter()
            .all(|standing| standing.0 == "BOUND")
    );
    let calls: Vec<_> = way
        .seen()
        .into_iter()
        .skip(1)
        .map(|seen| seen.path)
        .collect();
    assert_eq!(calls, ["/tasks/batch", "/tasks"]);
    assert_eq!(scheduler.executions().await.len(), 3);
}
