//! `PATCH /api/tasks/{id}`.

use serde_json::{Value, json};
use taskpilot_e2e::ports::ReservedPort;

use crate::world::{Answer, Call, Control, before};

fn alone() -> Control {
    before(&ReservedPort::take().unwrap().url())
}

async fn patch(control: &Control, task: i64, seen: &str, patch: &Value) -> Answer {
    let call = Call::patch(&format!("/api/tasks/{task}"), &patch.to_string());
    control.send(call.header("if-match", seen)).await
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_is_a_new_version() {
    let control = alone();
    let body = json!({"type": "demo", "title": "old", "labels": {"a": "1", "b": "2"}});
    let created = control.send(Call::post("/api/tasks", &body)).await;
    assert_eq!(created.header("etag"), Some("\"1\""));
    let id = created.body["id"].as_i64().unwrap();
    let change = json!({"title": "new", "labels": {"a": null, "c": "3"}});
    let patched = patch(&control, id, "\"1\"", &change).await;
    let mut expected = created.body;
    expected["title"] = json!("new");
    expected["labels"] = json!({"b": "2", "c": "3"});
    expected["version"] = json!(2);
    assert_eq!((patched.status, &patched.body), (200, &expected));
    assert_eq!(patched.header("etag"), Some("\"2\""));
    let read = control.send(Call::get(&format!("/api/tasks/{id}"))).await;
    assert_eq!(
        (read.header("etag"), &read.body),
        (Some("\"2\""), &expected)
    );
    let bare = patch(&control, id, "*", &json!({"title": null, "labels": null})).await;
    assert_eq!(
        (&bare.body["title"], &bare.body["labels"]),
        (&Value::Null, &json!({}))
    );
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_no_new_version() {
    let control = alone();
    let id = control.create().await;
    let before = control.task(id).await;
    let same = patch(&control, id, "\"1\"", &json!({"labels": {"a": null}})).await;
    assert_eq!((same.status, same.header("etag")), (200, Some("\"1\"")));
    assert_eq!(control.task(id).await, before);
}

#[tokio::test]
async fn a_patch_of_a_version_that_was_not_seen_changes_nothing() {
    let control = alone();
    let id = control.create().await;
    let before = control.task(id).await;
    let change = json!({"title": "x"});
    let without = Call::patch(&format!("/api/tasks/{id}"), &change.to_string());
    assert_eq!(
        control.send(without).await.refusal(),
        (428, "precondition_required")
    );
    for seen in ["\"2\"", "W/\"1\"", "\"01\"", "\"x\""] {
        let refused = patch(&control, id, seen, &change).await;
        assert_eq!(refused.refusal(), (412, "precondition_failed"), "{seen}");
    }
    let malformed = patch(&control, id, "1", &change).await;
    assert_eq!(malformed.refusal(), (400, "invalid_header"));
    let missing = patch(&control, id + 1, "*", &change).await;
    assert_eq!(missing.refusal(), (404, "task_not_found"));
    assert_eq!(control.task(id).await, before);
}

#[tokio::test]
async fn a_patch_of_anything_else_is_refused() {
    let control = alone();
    let id = control.create().await;
    let before = control.task(id).await;
    for wrong in [
        json!({"payload": 1}),
        json!({"status": "CANCELED"}),
        json!({"title": 1}),
        json!({"title": "x".repeat(201)}),
        json!({"labels": []}),
        json!({"labels": {"a": 1}}),
        json!({"labels": {"": "x"}}),
        json!([]),
        Value::Null,
    ] {
        let refused = patch(&control, id, "\"1\"", &wrong).await;
        assert_eq!(refused.refusal(), (422, "invalid_body"), "{wrong}");
    }
    assert_eq!(control.task(id).await, before);
}

#[tokio::test]
async fn a_patch_comes_under_either_media_type() {
    let control = alone();
    let id = control.create().await;
    let call = |kind: &str| {
        let call = Call::bare_patch(&format!("/api/tasks/{id}"), r#"{"title":"x"}"#);
        call.header("if-match", "*").header("content-type", kind)
    };
    for kind in [
        "application/json",
        "application/merge-patch+json; charset=utf-8",
    ] {
        assert_eq!(control.send(call(kind)).await.status, 200, "{kind}");
    }
    let refused = control.send(call("application/json-patch+json")).await;
    assert_eq!(refused.refusal(), (415, "unsupported_media_type"));
}
