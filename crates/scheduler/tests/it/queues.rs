//! `/queues`: limits and pauses, what they tell, and who is woken when a queue opens.

use serde_json::{Value, json};

use crate::service::{AT_ONCE, Call, Service, start};
use crate::worker::{killed, succeeded};

async fn put(service: &Service, path: &str, body: Option<Value>) -> Value {
    let call = Call::put(&format!("/queues/{path}"));
    let call = match &body {
        Some(body) => call.json(body),
        None => call,
    };
    service.say(call).await
}

/// What a queue is called that nobody has set anything for.
fn item(name: &str) -> Value {
    json!({"name": name, "maxRunning": null, "paused": null, "lastChange": null, "ready": 0, "scheduled": 0,
        "backingOff": 0, "blocked": 0, "running": 0, "stopping": 0})
}

#[tokio::test]
async fn a_queue_is_limited_paused_and_resumed_and_tells_it() {
    let service = start().await;
    let mut expected = item("mail");
    expected["maxRunning"] = json!(2);
    let at = |millis: u32| format!("2026-03-01T00:00:00.00{millis}Z");
    let change = |what: &str, millis: u32, reason: Value| json!({"what": what, "at": at(millis), "by": "local", "reason": reason});
    expected["lastChange"] = change("limited", 0, Value::Null);
    let body = json!({"maxRunning": 2});
    assert_eq!(put(&service, "mail", Some(body)).await, expected);
    let why = json!({"reason": "a flood"});
    expected["paused"] = json!({"at": at(0), "by": "local", "reason": "a flood"});
    expected["lastChange"] = change("paused", 0, json!("a flood"));
    assert_eq!(put(&service, "mail/pause", Some(why)).await, expected);
    service.clock.advance(5);
    assert_eq!(put(&service, "mail/pause", None).await, expected);
    let listed = service.say(Call::get("/queues")).await;
    assert_eq!(listed, json!({"items": [expected], "next": null}));
    let why = json!({"reason": "it is over"});
    expected["paused"] = Value::Null;
    expected["lastChange"] = change("resumed", 5, json!("it is over"));
    assert_eq!(put(&service, "mail/resume", Some(why)).await, expected);
    service.clock.advance(1);
    assert_eq!(put(&service, "mail/resume", None).await, expected);
    let body = json!({"maxRunning": null});
    expected["maxRunning"] = Value::Null;
    expected["lastChange"] = change("limited", 6, Value::Null);
    assert_eq!(put(&service, "mail", Some(body)).await, expected);
}

#[tokio::test]
async fn queues_are_listed_page_by_page() {
    let service = start().await;
    let names: Vec<String> = (10..61).map(|number| format!("q{number}")).collect();
    for name in names.iter().rev() {
        put(&service, &format!("{name}/pause"), None).await;
    }
    let mut listed: Vec<Value> = Vec::new();
    let mut path = "/queues?limit=20".to_owned();
    loop {
        let page = service.say(Call::get(&path)).await;
        let items = page["items"].as_array().unwrap().iter();
        listed.extend(items.map(|item| item["name"].clone()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/queues?limit=20&after={next}");
    }
    assert_eq!(listed, names);
    let page = service.say(Call::get("/queues")).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 50);
    assert!(page["next"].is_string());
}

#[tokio::test]
async fn a_wrong_query_of_queues_is_refused() {
    let service = start().await;
    for (query, code) in [
        ("limit=0", "invalid_query"),
        ("limit=1001", "invalid_query"),
        ("name=a", "invalid_query"),
        ("after=a", "invalid_cursor"),
        ("after=0123456789abcdefa", "invalid_cursor"),
    ] {
        let answer = service.send(Call::get(&format!("/queues?{query}"))).await;
        assert_eq!(answer.code(), (400, code), "{query}");
    }
}

#[tokio::test]
async fn a_wrong_change_of_a_queue_is_refused_and_changes_nothing() {
    let service = start().await;
    for (path, body, status) in [
        ("/queues/a%20b", json!({"maxRunning": 1}), 400),
        ("/queues/a", json!({"maxRunning": 0}), 422),
        ("/queues/a", json!({"maxRunning": 1_000_001}), 422),
        ("/queues/a/pause", json!({"reason": "x".repeat(501)}), 422),
        ("/queues/a/resume", json!({"reason": "x".repeat(501)}), 422),
        ("/queues/a/resume", json!({"why": "x"}), 422),
        ("/queues/a/resume", json!([]), 422),
    ] {
        let answer = service.send(Call::put(path).json(&body)).await;
        assert_eq!(answer.status, status, "{path} {body} {answer:?}");
    }
    for body in [json!({}), json!({"maxRunning": "1"}), json!({"max": 1})] {
        let answer = service.send(Call::put("/queues/a").json(&body)).await;
        assert_eq!(answer.code().1, "invalid_body", "{body}");
    }
    let listed = service.say(Call::get("/queues")).await;
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn what_a_pause_holds_back_is_blocked_and_goes_on_with_the_resume() {
    let service = start().await;
    put(&service, "default/pause", None).await;
    let id = service.create().await;
    let blocked = service.execution(id).await;
    assert_eq!(
        (&blocked["status"], &blocked["phase"], &blocked["blockedBy"]),
        (&json!("PENDING"), &json!("BLOCKED"), &json!("paused"))
    );
    let worker = service.register(1).await;
    let claim = service.send_aside(worker.claim_waiting(1));
    service.claims_wait(1).await;
    put(&service, "default/resume", None).await;
    let answer = tokio::time::timeout(AT_ONCE, claim).await;
    let answer = answer.expect("a wake").unwrap();
    assert_eq!(answer.body["grants"][0]["executionId"], id);
}

#[tokio::test]
async fn a_proven_stop_wakes_who_waits_for_the_place() {
    let service = start().await;
    put(&service, "default", Some(json!({"maxRunning": 1}))).await;
    let (worker, grant) = service.running().await;
    let next = service.create().await;
    let other = service.register(1).await;
    service.cancel(grant["executionId"].as_i64().unwrap()).await;
    let blocked = service.execution(next).await;
    assert_eq!(blocked["blockedBy"], "limit");
    let claim = service.send_aside(other.claim_waiting(1));
    service.claims_wait(1).await;
    service.say(worker.stops(&[killed(&grant)])).await;
    let answer = tokio::time::timeout(AT_ONCE, claim).await;
    let answer = answer.expect("a wake").unwrap();
    let grant = &answer.body["grants"][0];
    assert_eq!(grant["executionId"], next);
    service.say(other.results(&[succeeded(grant)])).await;
    let listed = service.say(Call::get("/queues")).await;
    assert_eq!(listed["items"][0]["running"], 0);
}
