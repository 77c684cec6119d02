//! `parentId` in a create, `cascade` in a cancel.

use serde_json::{Value, json};

use crate::service::{Answer, Call, Service, start};
use crate::worker::succeeded;

async fn child_of(service: &Service, parent: i64) -> i64 {
    let body = json!({"type": "demo", "parentId": parent});
    service.create_with(body).await
}

async fn cascade(service: &Service, path: &str) -> Answer {
    let command = json!({"cascade": true, "reason": "all of it"});
    let call = Call::put(path).json(&command);
    service
        .send(call.header("taskpilot-principal", "ada"))
        .await
}

async fn decide(service: &Service) {
    while service.app.tick().await.unwrap() > 0 {}
}

#[tokio::test]
async fn a_child_tells_its_parent_and_its_root() {
    let service = start().await;
    let root = service.create().await;
    let child = child_of(&service, root).await;
    let grandchild = child_of(&service, child).await;
    let family = async |id| {
        let told = service.execution(id).await;
        (told["parentId"].clone(), told["rootId"].clone())
    };
    assert_eq!(family(root).await, (Value::Null, Value::Null));
    assert_eq!(family(child).await, (json!(root), json!(root)));
    assert_eq!(family(grandchild).await, (json!(child), json!(root)));
}

#[tokio::test]
async fn a_child_without_a_parent_is_refused_by_name() {
    let service = start().await;
    let body = json!({"type": "demo", "parentId": 7});
    let refused = service.send(Call::post("/tasks", &body)).await;
    assert_eq!(refused.code(), (422, "invalid_body"));
    assert_eq!(refused.body["field"], "parentId");
}

#[tokio::test]
async fn a_cascade_answers_with_the_verdict_on_the_root_and_the_rest_follows() {
    let service = start().await;
    service.running().await;
    let child = child_of(&service, 1).await;
    let answer = cascade(&service, "/tasks/1/cancel").await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("CANCELED"))
    );
    assert_eq!(answer.body["stop"]["cause"], "USER");
    assert_eq!(service.execution(child).await["status"], "PENDING");
    decide(&service).await;
    let decided = service.execution(child).await;
    assert_eq!(decided["status"], "CANCELED");
    assert_eq!(
        (&decided["stop"]["status"], &decided["stop"]["cause"]),
        (&json!("NOT_NEEDED"), &json!("PARENT"))
    );
    assert_eq!(
        (
            &decided["cancel"]["requestedBy"],
            &decided["cancel"]["reason"]
        ),
        (&json!("ada"), &json!("all of it"))
    );
}

#[tokio::test]
async fn what_is_created_below_a_closed_tree_is_answered_as_canceled() {
    let service = start().await;
    let root = service.create().await;
    cascade(&service, &format!("/tasks/{root}/cancel")).await;
    let body = json!({"type": "demo", "parentId": root});
    let born = service.send(Call::post("/tasks", &body)).await;
    assert_eq!(
        (born.status, &born.body["status"]),
        (201, &json!("CANCELED"))
    );
    assert_eq!(born.body["stop"]["cause"], "PARENT");
    assert_eq!(born.body["cancel"]["requestedBy"], "ada");
}

#[tokio::test]
async fn an_option_of_the_parent_is_as_good_as_the_word_of_who_cancels() {
    let service = start().await;
    let body = json!({"type": "demo", "cancelChildren": true});
    let root = service.create_with(body).await;
    assert_eq!(service.execution(root).await["cancelChildren"], true);
    let child = child_of(&service, root).await;
    assert_eq!(service.execution(child).await["cancelChildren"], false);
    service.cancel(root).await;
    decide(&service).await;
    assert_eq!(service.execution(child).await["status"], "CANCELED");
}

#[tokio::test]
async fn what_has_ended_otherwise_is_a_conflict_and_closes_nothing() {
    let service = start().await;
    let (worker, grant) = service.running().await;
    service.say(worker.results(&[succeeded(&grant)])).await;
    let refused = cascade(&service, "/tasks/1/cancel").await;
    assert_eq!(refused.code(), (409, "execution_conflict"));
    let child = child_of(&service, 1).await;
    assert_eq!(service.execution(child).await["status"], "PENDING");
}

#[tokio::test]
async fn a_cascade_by_key_comes_before_the_create_and_all_below_it() {
    let service = start().await;
    let canceled = cascade(&service, "/tasks/by-key/k/cancel").await;
    assert_eq!(canceled.status, 200);
    let body = json!({"type": "demo"});
    let create = Call::post("/tasks", &body).header("idempotency-key", "k");
    let root = service.send(create).await.id();
    let child = child_of(&service, root).await;
    assert_eq!(service.execution(child).await["status"], "CANCELED");
}
