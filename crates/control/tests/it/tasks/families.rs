//! `parentTaskId`, and a cancel that cascades, in front of a scheduler of ours and of a plain one.

use serde_json::{Value, json};
use taskpilot_client::transport::Policy;
use taskpilot_domain::limits::TREE_DEPTH_MAX;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::stand_in::StandIn;

use crate::ours::{self, Ours};
use crate::world::{Answer, Call, Control, HURRIED, before, clock, start};

async fn child_of(control: &Control, parent: i64) -> i64 {
    let created = ask_for_child(control, parent, &json!({})).await;
    assert_eq!(created.status, 201, "{created:?}");
    created.body["id"].as_i64().unwrap()
}

async fn ask_for_child(control: &Control, parent: i64, more: &Value) -> Answer {
    let mut body = json!({"type": "demo", "payload": "hello", "parentTaskId": parent});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    control.send(Call::post("/api/tasks", &body)).await
}

async fn cascade(control: &Control, task: i64) -> Answer {
    let call = Call::put(&format!("/api/tasks/{task}/execution/cancel"));
    control.send(call.json(&json!({"cascade": true}))).await
}

async fn with_scheduler() -> (Ours, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    (scheduler, control)
}

/// What the scheduler says of the execution of a task.
async fn execution(scheduler: &Ours, control: &Control, task: i64) -> Value {
    let id = control.task(task).await["schedulerTaskId"].clone();
    let (status, told) = scheduler.ask("GET", &format!("/tasks/{id}"), None).await;
    assert_eq!(status, 200, "{told}");
    told
}

#[tokio::test]
async fn a_child_is_told_and_listed_under_its_parent() {
    let control = before(&ReservedPort::take().unwrap().url());
    let parent = control.create().await;
    let child = child_of(&control, parent).await;
    assert_eq!(control.task(child).await["parentTaskId"], parent);
    assert_eq!(control.task(parent).await.get("parentTaskId"), None);
    let list = Call::get(&format!("/api/tasks?parentTaskId={parent}"));
    let list = control.send(list).await;
    let ids: Vec<&Value> = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["id"])
        .collect();
    assert_eq!(ids, [child]);
    let wrong = control
        .send(Call::get("/api/tasks?parentTaskId=none"))
        .await;
    assert_eq!(wrong.refusal(), (400, "invalid_query"));
}

#[tokio::test]
async fn a_parent_that_is_not_there_is_named() {
    let control = before(&ReservedPort::take().unwrap().url());
    let refused = ask_for_child(&control, 7, &json!({})).await;
    assert_eq!(refused.refusal(), (422, "invalid_body"));
    assert_eq!(refused.body["field"], "parentTaskId");
    let patch = Call::patch("/api/tasks/1", r#"{"parentTaskId":1}"#).header("if-match", "*");
    control.create().await;
    assert_eq!(control.send(patch).await.refusal(), (422, "invalid_body"));
}

#[tokio::test]
async fn a_task_with_children_is_not_deleted() {
    let control = before(&ReservedPort::take().unwrap().url());
    let parent = control.create().await;
    let child = child_of(&control, parent).await;
    let delete = async |task: i64| {
        let call = Call::delete(&format!("/api/tasks/{task}"));
        control.send(call).await
    };
    assert_eq!(delete(parent).await.refusal(), (409, "task_has_children"));
    assert_eq!(delete(child).await.status, 204);
    assert_eq!(delete(parent).await.status, 204);
}

#[tokio::test]
async fn a_child_is_bound_after_its_parent_and_names_its_execution() {
    let (scheduler, control) = with_scheduler().await;
    let parent = control.create().await;
    let child = child_of(&control, parent).await;
    let refused = control.bind(child).await;
    assert_eq!(refused.refusal(), (409, "parent_not_bound"));
    let at_once = ask_for_child(&control, parent, &json!({"bind": true})).await;
    assert_eq!(at_once.refusal(), (409, "parent_not_bound"));
    assert_eq!(scheduler.executions().await, Vec::<i64>::new());
    assert_eq!(control.standing(child).await.0, "PENDING");
    let root = control.bind(parent).await.body["schedulerTaskId"].clone();
    assert_eq!(control.bind(child).await.status, 201);
    let at_once = ask_for_child(&control, parent, &json!({"bind": true})).await;
    assert_eq!(at_once.body["status"], "BOUND");
    for task in [child, at_once.body["id"].as_i64().unwrap()] {
        let told = execution(&scheduler, &control, task).await;
        assert_eq!((&told["parentId"], &told["rootId"]), (&root, &root));
    }
}

#[tokio::test]
async fn a_repeated_create_of_a_child_is_answered_as_ever() {
    let (_scheduler, control) = with_scheduler().await;
    let (parent, _) = control.bound().await;
    let unbound = control.create().await;
    let create = async |key: &str, parent: i64| {
        let body = json!({"type": "demo", "parentTaskId": parent, "bind": true});
        let call = Call::post("/api/tasks", &body).header("idempotency-key", key);
        control.send(call).await
    };
    let first = create("k", parent).await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = create("k", parent).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    let other = create("k", unbound).await;
    assert_eq!(other.refusal(), (422, "idempotency_mismatch"));
    let early = create("new", unbound).await;
    assert_eq!(early.refusal(), (409, "parent_not_bound"));
    // The refused one left its key free.
    assert_eq!(control.bind(unbound).await.status, 201);
    assert_eq!(create("new", unbound).await.status, 201);
}

#[tokio::test]
async fn each_child_of_a_batch_stands_or_falls_alone() {
    let (scheduler, control) = with_scheduler().await;
    let (parent, root) = control.bound().await;
    let unbound = control.create().await;
    let child = |parent| json!({"type": "demo", "parentTaskId": parent, "bind": true});
    let items = [child(parent), child(unbound), child(9_999), child(parent)];
    let batch = Call::post("/api/tasks/batch", &json!({"items": items}));
    let answer = control.send(batch).await;
    let items = answer.body["items"].as_array().unwrap();
    let statuses: Vec<&Value> = items.iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, [201, 409, 422, 201]);
    for index in [0, 3] {
        let task = items[index]["task"]["id"].as_i64().unwrap();
        let told = execution(&scheduler, &control, task).await;
        assert_eq!(told["parentId"], root);
    }
}

#[tokio::test]
async fn what_the_scheduler_refuses_of_a_child_is_named_in_the_words_of_tasks() {
    let (_scheduler, control) = with_scheduler().await;
    let (mut parent, _) = control.bound().await;
    for _ in 0..TREE_DEPTH_MAX {
        parent = child_of(&control, parent).await;
        assert_eq!(control.bind(parent).await.status, 201);
    }
    let deep = child_of(&control, parent).await;
    let refused = control.bind(deep).await;
    let expected = (422, "invalid_body", Some("not_applied"));
    assert_eq!(refused.problem(), expected);
    assert_eq!(refused.body["field"], "parentTaskId");
    assert_eq!(control.standing(deep).await.0, "PENDING");
}

#[tokio::test]
async fn a_cascade_reaches_what_is_below_and_what_is_bound_below_later() {
    let (scheduler, control) = with_scheduler().await;
    let (root, _) = control.bound().await;
    let child = child_of(&control, root).await;
    let late = child_of(&control, child).await;
    control.bind(child).await;
    assert_eq!(cascade(&control, root).await.status, 204);
    scheduler.tick().await;
    assert_eq!(control.bind(late).await.status, 201);
    for task in [child, late] {
        let view = control.view(task).await.body;
        assert_eq!(
            (&view["status"], &view["stop"]["cause"]),
            (&json!("CANCELED"), &json!("PARENT"))
        );
    }
}

#[tokio::test]
async fn a_cancel_without_a_cascade_leaves_the_children_alone() {
    let (scheduler, control) = with_scheduler().await;
    let (root, _) = control.bound().await;
    let child = child_of(&control, root).await;
    control.bind(child).await;
    assert_eq!(control.cancel(root).await.status, 204);
    scheduler.tick().await;
    assert_eq!(control.view(child).await.body["status"], "PENDING");
}

#[tokio::test]
async fn a_task_may_say_at_its_bind_that_its_cancel_cascades() {
    let (scheduler, control) = with_scheduler().await;
    let root = control.create().await;
    let options = json!({"cancelChildren": true});
    let path = format!("/api/tasks/{root}/scheduler");
    assert_eq!(control.send(Call::post(&path, &options)).await.status, 201);
    let child = child_of(&control, root).await;
    control.bind(child).await;
    assert_eq!(control.cancel(root).await.status, 204);
    scheduler.tick().await;
    assert_eq!(control.view(child).await.body["status"], "CANCELED");
}

/// The wish is kept with all that it says, and carried out when the scheduler is there.
#[tokio::test]
async fn a_cascade_of_what_is_binding_closes_the_tree_that_is_to_come() {
    let clock = clock();
    let control = start(&ReservedPort::take().unwrap().url(), clock.clone(), HURRIED);
    let root = control.create().await;
    let child = child_of(&control, root).await;
    assert_eq!(control.bind(root).await.status, 503);
    assert_eq!(
        control.bind(child).await.refusal(),
        (409, "parent_not_bound")
    );
    assert_eq!(control.cancel(root).await.status, 503);
    let wish = cascade(&control, root).await;
    let expected = (503, "scheduler_unavailable", Some("unknown"));
    assert_eq!(wish.problem(), expected);
    let scheduler = ours::start(clock).await;
    let control = control.restart(&scheduler.url());
    control.reconcile().await;
    assert_eq!(control.standing(root).await.0, "BOUND");
    assert_eq!(control.bind(child).await.status, 201);
    let view = control.view(child).await.body;
    assert_eq!(
        (&view["status"], &view["stop"]["cause"]),
        (&json!("CANCELED"), &json!("PARENT"))
    );
}

#[tokio::test]
async fn a_plain_scheduler_is_sent_no_child_and_the_task_says_why() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (parent, _) = control.bound().await;
    let child = child_of(&control, parent).await;
    let refused = control.bind(child).await;
    let expected = (501, "scheduler_unsupported", Some("not_applied"));
    assert_eq!(refused.problem(), expected);
    let (status, error, execution) = control.standing(child).await;
    assert_eq!(
        (status.as_str(), error.as_deref(), execution),
        ("PENDING", Some("scheduler_unsupported"), None)
    );
    assert_eq!(scheduler.creates().len(), 1);
}

/// Nothing can be bound below: the cascade is an ordinary cancel, and the button works.
#[tokio::test]
async fn a_cascade_in_front_of_a_plain_scheduler_is_a_plain_cancel() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (task, _) = control.bound().await;
    assert_eq!(cascade(&control, task).await.status, 204);
    let cancels = scheduler.seen();
    let cancels: Vec<_> = cancels.iter().filter(|seen| seen.is_cancel()).collect();
    assert_eq!(cancels.len(), 1);
    assert!(cancels[0].body.is_empty());
}
