//! `ETag`, `If-None-Match` and `Prefer: wait` on `GET /api/tasks/{id}/execution`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::AppendHeaders;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use taskpilot_api::extensions::Extensions;
use taskpilot_client::transport::Policy;
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};
use taskpilot_server::listener::Listener;
use taskpilot_server::settings::Settings;
use taskpilot_server::shutdown::Shutdown;

use crate::ours::{self, Ours};
use crate::world::{Answer, Call, Control, before, clock, start};

async fn with_scheduler() -> (Ours, Control) {
    let clock = clock();
    let scheduler = ours::start(clock.clone()).await;
    let control = start(&scheduler.url(), clock, Policy::default());
    (scheduler, control)
}

fn read(task: i64) -> Call {
    Call::get(&format!("/api/tasks/{task}/execution"))
}

fn waiting(task: i64, wait_s: u64) -> Call {
    read(task).header("prefer", &format!("wait={wait_s}"))
}

fn tag(answer: &Answer) -> &str {
    answer.header("etag").unwrap()
}

/// Status, the wish that was honoured, and the state that is told.
fn told(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (
        answer.status,
        answer.header("preference-applied"),
        answer.body["status"].as_str(),
    )
}

/// What a scheduler says of the execution of a task.
fn view(task: &Value) -> Value {
    json!({"id": task["schedulerTaskId"], "status": "PENDING"})
}

/// An answer of a scheduler that has all of our extensions.
fn ours(status: u16) -> Says {
    Says::status(status).header("TaskPilot-Extensions", Extensions::all().to_header())
}

#[tokio::test]
async fn a_tag_lasts_as_long_as_what_is_told() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let first = control.view(task).await;
    let known = read(task).header("if-none-match", tag(&first));
    let known = control.send(known).await;
    assert_eq!(
        (told(&known), &known.body),
        ((304, None, None), &json!(null))
    );
    assert_eq!(tag(&known), tag(&first));
    control.cancel(task).await;
    let changed = read(task).header("if-none-match", tag(&first));
    let changed = control.send(changed).await;
    assert_eq!(told(&changed), (200, None, Some("CANCELED")));
    assert_ne!(tag(&changed), tag(&first));
}

#[tokio::test]
async fn a_change_ends_the_wait() {
    let (scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let first = control.view(task).await;
    let started = control.send(waiting(task, 60).header("if-none-match", tag(&first)));
    let (started, work) = tokio::join!(started, scheduler.start_work());
    assert_eq!(told(&started), (200, Some("wait=60"), Some("RUNNING")));
    let ended = control.send(waiting(task, 60).header("if-none-match", tag(&started)));
    let outcome = json!({"outcome": "succeeded", "result": {"n": 1}, "exitCode": 0});
    let (ended, ()) = tokio::join!(ended, work.end(&outcome));
    assert_eq!(told(&ended), (200, Some("wait=60"), Some("SUCCEEDED")));
    assert_eq!(control.view(task).await.body, ended.body);
}

#[tokio::test]
async fn without_a_change_the_wait_runs_out() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let present = control.send(waiting(task, 1)).await;
    assert_eq!(told(&present), (200, Some("wait=1"), Some("PENDING")));
    let known = waiting(task, 1).header("if-none-match", tag(&present));
    let known = control.send(known).await;
    assert_eq!(told(&known), (304, Some("wait=1"), None));
}

#[tokio::test]
async fn in_front_of_a_plain_scheduler_nobody_waits() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (task, _) = control.bound().await;
    let present = control.send(waiting(task, 60)).await;
    assert_eq!(told(&present), (200, None, Some("PENDING")));
    scheduler.forget();
    let known = waiting(task, 60).header("if-none-match", tag(&present));
    assert_eq!(told(&control.send(known).await), (304, None, None));
    let sent: Vec<String> = scheduler
        .seen()
        .into_iter()
        .flat_map(|seen| seen.headers)
        .map(|(name, _)| name)
        .collect();
    assert!(!sent.contains(&"prefer".into()), "{sent:?}");
    assert!(!sent.contains(&"if-none-match".into()), "{sent:?}");
}

/// A scheduler in whose word something changes with each read: by the fourth, the state.
async fn restless(execution: i64) -> (SocketAddr, Arc<Mutex<Vec<Option<String>>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let read = get(move |headers: HeaderMap| async move {
        let known = headers.get("if-none-match");
        let known = known.map(|tag| tag.to_str().unwrap().to_owned());
        let number = {
            let mut asked = asked.lock().unwrap();
            asked.push(known);
            asked.len()
        };
        let status = if number < 4 { "PENDING" } else { "RUNNING" };
        let headers = [
            ("ETag", format!("\"{number}\"")),
            ("Preference-Applied", "wait=60".to_owned()),
            ("TaskPilot-Extensions", Extensions::all().to_header()),
        ];
        let body = json!({"id": execution, "status": status, "payload": number});
        (AppendHeaders(headers), Json(body))
    });
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.local_addr();
    let router = Router::new().route("/tasks/{id}", read);
    let shutdown = Shutdown::new(Duration::ZERO);
    tokio::spawn(listener.serve(router, Settings::default(), shutdown));
    (address, seen)
}

#[tokio::test]
async fn what_is_no_news_to_users_is_waited_through() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (task, execution) = control.bound().await;
    let (address, asked) = restless(execution).await;
    scheduler.behave(Manner::Forwards(address));
    let first = control.view(task).await;
    let known = waiting(task, 60).header("if-none-match", tag(&first));
    let told_anew = control.send(known).await;
    assert_eq!(told(&told_anew), (200, Some("wait=60"), Some("RUNNING")));
    let asked = asked.lock().unwrap().clone();
    let tags = [None, None, Some("\"2\""), Some("\"3\"")];
    assert_eq!(asked, tags.map(|tag| tag.map(str::to_owned)));
}

#[tokio::test]
async fn a_scheduler_that_does_not_keep_its_word_is_not_asked_again_and_again() {
    let scheduler = StandIn::start().await.unwrap();
    let control = before(&scheduler.url());
    let (task, _) = control.bound().await;
    let task_now = control.task(task).await;
    let applied = |says: Says| says.header("Preference-Applied", "wait=60");
    let tagged = || ours(200).header("ETag", "\"one\"");
    for (says, asked) in [
        (tagged(), 2),
        (applied(tagged()), 2),
        (applied(ours(200)), 1),
    ] {
        scheduler.behave(says.json(&view(&task_now)).into());
        let first = control.view(task).await;
        scheduler.forget();
        let known = waiting(task, 60).header("if-none-match", tag(&first));
        assert_eq!(told(&control.send(known).await), (304, None, None));
        assert_eq!(scheduler.seen().len(), asked);
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_service_and_claims_nothing() {
    let (_scheduler, control) = with_scheduler().await;
    let (task, _) = control.bound().await;
    let first = control.view(task).await;
    let closed = control.send(waiting(task, 60).header("if-none-match", tag(&first)));
    let closing = async { control.shutdown.request() };
    let (closed, ()) = tokio::join!(closed, closing);
    assert_eq!(told(&closed), (304, None, None));
}

#[tokio::test]
async fn nobody_waits_for_the_execution_of_a_task_that_has_none() {
    let (_scheduler, control) = with_scheduler().await;
    let task = control.create().await;
    let answer = control.send(waiting(task, 60)).await;
    assert_eq!(answer.refusal(), (409, "task_not_bound"));
}
