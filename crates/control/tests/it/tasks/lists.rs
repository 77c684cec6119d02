//! `GET /api/tasks`, `GET /api/executions`, `GET /api/workers`.

use serde_json::{Value, json};
use taskpilot_client::transport::Policy;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::stand_in::{Manner, StandIn};

use crate::ours::{self, Ours};
use crate::world::{Call, Control, before, clock, start};

async fn with_way() -> (Ours, StandIn, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let way = StandIn::start_as(Manner::Forwards(scheduler.address))
        .await
        .unwrap();
    let control = start(&way.url(), clock, Policy::default());
    (scheduler, way, control)
}

async fn page(control: &Control, path: &str) -> (Vec<i64>, Option<String>) {
    let page = control.send(Call::get(path)).await;
    assert_eq!(page.status, 200, "{page:?}");
    let id = if path.starts_with("/api/executions") {
        "schedulerTaskId"
    } else {
        "id"
    };
    let items = page.body["items"].as_array().unwrap().iter();
    let ids = items.map(|item| item[id].as_i64().unwrap()).collect();
    (ids, page.body["next"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn pages_join_to_the_whole_list() {
    let control = before(&ReservedPort::take().unwrap().url());
    for _ in 0..5 {
        control.create().await;
    }
    for (limit, sizes) in [(2, vec![2, 2, 1]), (5, vec![5]), (1_000, vec![5])] {
        let (mut ids, mut after) = (Vec::new(), String::new());
        for size in sizes {
            let (some, next) = page(&control, &format!("/api/tasks?limit={limit}{after}")).await;
            assert_eq!(some.len(), size);
            ids.extend(some);
            after = next.map_or(String::new(), |next| format!("&after={next}"));
        }
        assert_eq!((ids, after.as_str()), (vec![5, 4, 3, 2, 1], ""), "{limit}");
    }
}

#[tokio::test]
async fn large_payloads_make_short_pages_that_join_to_the_whole_list() {
    let control = before(&ReservedPort::take().unwrap().url());
    let large = json!({"type": "demo", "payload": "x".repeat(900_000)});
    for _ in 0..5 {
        let created = control.send(Call::post("/api/tasks", &large)).await;
        assert_eq!(created.status, 201);
    }
    let (newest, next) = page(&control, "/api/tasks?limit=1000").await;
    assert_eq!(newest, [5, 4, 3]);
    let rest = format!("/api/tasks?limit=1000&after={}", next.unwrap());
    assert_eq!(page(&control, &rest).await, (vec![2, 1], None));
}

#[tokio::test]
async fn filters_meet_and_their_cursor_is_theirs() {
    let control = before(&ReservedPort::take().unwrap().url());
    for body in [
        json!({"type": "a", "labels": {"team": "blue", "x": "1=2"}}),
        json!({"type": "b", "labels": {"team": "blue"}}),
        json!({"type": "a", "labels": {"team": "red"}}),
        json!({"type": "a"}),
    ] {
        assert_eq!(
            control.send(Call::post("/api/tasks", &body)).await.status,
            201
        );
    }
    control.send(Call::put("/api/tasks/4/cancel")).await;
    for (query, expected) in [
        ("type=a", vec![4, 3, 1]),
        ("status=CANCELED", vec![4]),
        ("label=team%3Dblue", vec![2, 1]),
        ("label=team=blue&label=x=1%3D2", vec![1]),
        ("label=team=blue&type=b&status=PENDING", vec![2]),
        ("label=team=green", vec![]),
    ] {
        let (ids, _) = page(&control, &format!("/api/tasks?{query}")).await;
        assert_eq!(ids, expected, "{query}");
    }
    let (_, next) = page(&control, "/api/tasks?label=team=blue&limit=1").await;
    let next = next.unwrap();
    let (ids, _) = page(
        &control,
        &format!("/api/tasks?label=team=blue&after={next}"),
    )
    .await;
    assert_eq!(ids, [1]);
    for query in ["", "label=team=red&", "type=a&"] {
        let refused = control
            .send(Call::get(&format!("/api/tasks?{query}after={next}")))
            .await;
        assert_eq!(refused.refusal(), (400, "invalid_cursor"), "{query}");
    }
}

#[tokio::test]
async fn a_query_that_is_wrong_is_named() {
    let control = before(&ReservedPort::take().unwrap().url());
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("status=RUNNING", "status"),
        ("type=a%20b", "type"),
        ("label=a", "label"),
        ("surely=unknown", "surely"),
    ] {
        let refused = control
            .send(Call::get(&format!("/api/tasks?{query}")))
            .await;
        assert_eq!(refused.refusal(), (400, "invalid_query"), "{query}");
        assert_eq!(refused.body["field"], field, "{query}");
    }
    for query in ["label=a=%ff", "label=a=%zz"] {
        let refused = control
            .send(Call::get(&format!("/api/tasks?{query}")))
            .await;
        assert_eq!(refused.refusal(), (400, "invalid_query"), "{query}");
    }
    for query in ["state=BOUND", "limit=0", "limit=1&limit=1", "queue=a"] {
        let refused = control
            .send(Call::get(&format!("/api/executions?{query}")))
            .await;
        assert_eq!(refused.refusal(), (400, "invalid_query"), "{query}");
    }
}

#[tokio::test]
async fn items_tell_how_their_executions_stand_by_one_call() {
    let (_scheduler, mut way, control) = with_way().await;
    let (waiting, _) = control.bound().await;
    let (canceled, _) = control.bound().await;
    control.cancel(canceled).await;
    let unbound = control.create().await;
    way.forget();
    let list = control.send(Call::get("/api/tasks")).await.body;
    let told = |list: &Value| -> Vec<(i64, Value, Value)> {
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| {
                let id = item["id"].as_i64().unwrap();
                (
                    id,
                    item["execution"].clone(),
                    item["executionUnavailable"].clone(),
                )
            })
            .collect()
    };
    let expected = [
        (unbound, Value::Null, Value::Null),
        (
            canceled,
            json!({"status": "CANCELED", "phase": null, "cleanup": null}),
            Value::Null,
        ),
        (
            waiting,
            json!({"status": "PENDING", "phase": "READY", "cleanup": null}),
            Value::Null,
        ),
    ];
    assert_eq!(told(&list), expected);
    assert_eq!(way.seen().len(), 1);

    way.refuse().await;
    let list = control.send(Call::get("/api/tasks")).await.body;
    let expected = [
        (unbound, Value::Null, Value::Null),
        (canceled, Value::Null, json!(true)),
        (waiting, Value::Null, json!(true)),
    ];
    assert_eq!(told(&list), expected);
}

#[tokio::test]
async fn executions_are_listed_by_state_and_page() {
    let (scheduler, way, control) = with_way().await;
    for _ in 0..3 {
        control.bound().await;
    }
    let (task, canceled) = control.bound().await;
    control.cancel(task).await;
    let (ids, _) = page(&control, "/api/executions?state=CANCELED").await;
    assert_eq!(ids, [canceled]);
    let all = scheduler.executions().await;
    let (first, next) = page(&control, "/api/executions?limit=3").await;
    let next = next.unwrap();
    let (rest, end) = page(&control, &format!("/api/executions?limit=3&after={next}")).await;
    assert_eq!(([first, rest].concat(), end), (all, None));
    let other = format!("/api/executions?state=PENDING&after={next}");
    assert_eq!(
        control.send(Call::get(&other)).await.refusal(),
        (400, "invalid_cursor")
    );
    let longest = format!("/api/executions?after={}", "!".repeat(22_000));
    assert_eq!(
        control.send(Call::get(&longest)).await.refusal(),
        (400, "invalid_cursor")
    );
    way.behave(Manner::HangsUp);
    let away = control.send(Call::get("/api/executions")).await;
    assert_eq!(
        away.problem(),
        (503, "scheduler_unavailable", Some("unknown"))
    );
}

#[tokio::test]
async fn a_listed_execution_names_its_task() {
    let (_scheduler, way, control) = with_way().await;
    control.create().await;
    let bound = [control.bound().await, control.bound().await];
    let list = control.send(Call::get("/api/executions")).await.body;
    let items = list["items"].as_array().unwrap();
    let told = items.iter().rev().map(|item| {
        let [task, execution] = ["taskId", "schedulerTaskId"].map(|name| item[name].as_i64());
        (task.unwrap(), execution.unwrap())
    });
    assert_eq!(told.collect::<Vec<_>>(), bound);
    for (task, execution) in bound {
        assert_ne!(task, execution, "ids that cannot be mixed up prove nothing");
    }
    insta::assert_json_snapshot!("executions", items[0]);

    // Another control plane of the same scheduler has none of these tasks.
    let other = start(&way.url(), clock(), Policy::default());
    let list = other.send(Call::get("/api/executions")).await.body;
    let tasks = list["items"].as_array().unwrap().iter();
    let tasks: Vec<_> = tasks.map(|item| &item["taskId"]).collect();
    assert_eq!(tasks, [&Value::Null; 2]);
}

#[tokio::test]
async fn workers_are_listed() {
    let (scheduler, _way, control) = with_way().await;
    control.bound().await;
    let _work = scheduler.start_work().await;
    let workers = control.send(Call::get("/api/workers")).await;
    assert_eq!(workers.status, 200);
    insta::assert_json_snapshot!("workers", workers.body);
}
