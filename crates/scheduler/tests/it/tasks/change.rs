//! `ETag`, `If-None-Match` and `Prefer: wait` on the read of an execution.

use serde_json::{Value, json};

use crate::service::{AT_ONCE, Answer, Call, Service, start};
use crate::worker::{about, held};

fn read() -> Call {
    Call::get("/tasks/1")
}

fn waiting(wait_s: u64) -> Call {
    read().header("prefer", &format!("wait={wait_s}"))
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").unwrap().to_owned()
}

/// Status, the wish that was honoured, and the state that is told.
fn told(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (
        answer.status,
        answer.header("preference-applied"),
        answer.body["status"].as_str(),
    )
}

/// Sends a read that waits; returns once it has looked and found nothing new.
async fn sent(service: &Service, call: Call) -> tokio::task::JoinHandle<Answer> {
    let look = service.store.hold_next_read();
    let waiting = service.send_aside(call);
    look.taken().await.return_it();
    waiting
}

async fn woken(waiting: tokio::task::JoinHandle<Answer>) -> Answer {
    tokio::time::timeout(AT_ONCE, waiting)
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_tag_lasts_as_long_as_what_is_told() {
    let service = start().await;
    service.create().await;
    let first = tag(&service.send(read()).await);
    let known = service.send(read().header("if-none-match", &first)).await;
    assert_eq!(told(&known), (304, None, None));
    assert_eq!((tag(&known), &known.body), (first.clone(), &Value::Null));
    service.cancel(1).await;
    let changed = service.send(read().header("if-none-match", &first)).await;
    assert_eq!(told(&changed), (200, None, Some("CANCELED")));
    assert_ne!(tag(&changed), first);
    let garbled = service.send(read().header("if-none-match", "1")).await;
    assert_eq!(garbled.code(), (400, "invalid_header"));
}

#[tokio::test]
async fn every_change_ends_the_wait_of_who_knows_what_was_before() {
    let service = start().await;
    let worker = service.register(1).await;
    service.create().await;
    let first = tag(&service.send(read()).await);
    let started = sent(&service, waiting(25).header("if-none-match", &first)).await;
    let claimed = service.say(worker.claim(1)).await;
    let started = woken(started).await;
    assert_eq!(told(&started), (200, Some("wait=25"), Some("RUNNING")));

    let grant = &claimed["grants"][0];
    let second = tag(&started);
    let progressed = sent(&service, waiting(25).header("if-none-match", &second)).await;
    let progress = about(grant, &json!({"percent": 40}));
    let beat = json!({"held": [held(grant)], "claimSeq": 1, "progress": [progress]});
    service.say(worker.heartbeat(&beat)).await;
    let progressed = woken(progressed).await;
    assert_eq!(progressed.body["progress"]["percent"], 40);

    let third = tag(&progressed);
    let stopping = sent(&service, waiting(25).header("if-none-match", &third)).await;
    service.cancel(1).await;
    let stopping = woken(stopping).await;
    assert_eq!(told(&stopping), (200, Some("wait=25"), Some("CANCELED")));
    assert_eq!(service.execution(1).await, stopping.body);
}

#[tokio::test]
async fn what_changed_before_the_call_does_not_wait() {
    let service = start().await;
    service.create().await;
    let first = tag(&service.send(read()).await);
    service.cancel(1).await;
    let answer = service
        .send(waiting(25).header("if-none-match", &first))
        .await;
    assert_eq!(told(&answer), (200, Some("wait=25"), Some("CANCELED")));
}

#[tokio::test]
async fn a_change_between_the_look_and_the_wait_is_not_missed() {
    let service = start().await;
    service.create().await;
    let first = tag(&service.send(read()).await);
    let other = sent(&service, waiting(25)).await;
    let look = service.store.hold_next_read();
    let waiting = service.send_aside(waiting(25).header("if-none-match", &first));
    let look = look.taken().await;
    service.cancel(1).await;
    // Who waited already was woken by now: that wake comes no second time.
    woken(other).await;
    look.return_it();
    assert_eq!(
        told(&woken(waiting).await),
        (200, Some("wait=25"), Some("CANCELED"))
    );
}

#[tokio::test]
async fn without_a_change_the_wait_runs_out() {
    let service = start().await;
    service.create().await;
    let first = tag(&service.send(read()).await);
    let known = service
        .send(waiting(1).header("if-none-match", &first))
        .await;
    assert_eq!(told(&known), (304, Some("wait=1"), None));
    let present = service.send(waiting(1)).await;
    assert_eq!(told(&present), (200, Some("wait=1"), Some("PENDING")));
    assert_eq!([tag(&known), tag(&present)], [first.clone(), first]);
}

#[tokio::test]
async fn who_knows_nothing_waits_for_the_next_change() {
    let service = start().await;
    service.create().await;
    let next = sent(&service, waiting(25)).await;
    service.cancel(1).await;
    assert_eq!(
        told(&woken(next).await),
        (200, Some("wait=25"), Some("CANCELED"))
    );
}

#[tokio::test]
async fn what_changes_with_time_alone_ends_the_wait_too() {
    let service = start().await;
    let later = json!({"type": "demo", "scheduledFor": "2026-03-01T00:00:10Z"});
    service.create_with(later).await;
    let first = service.send(read()).await;
    assert_eq!(first.body["phase"], "SCHEDULED");
    let due = sent(&service, waiting(15).header("if-none-match", &tag(&first))).await;
    service.clock.advance(10_000);
    let due = due.await.unwrap();
    assert_eq!(told(&due), (200, Some("wait=15"), Some("PENDING")));
    assert_ne!(due.body["phase"], "SCHEDULED");
}

#[tokio::test]
async fn a_shutdown_ends_the_wait_and_claims_nothing() {
    let service = start().await;
    service.create().await;
    let first = tag(&service.send(read()).await);
    let known = waiting(25).header("if-none-match", &first);
    let closed = sent(&service, known).await;
    service.shutdown.request();
    assert_eq!(told(&woken(closed).await), (304, None, None));
    let at_once = service.send(waiting(25)).await;
    assert_eq!(told(&at_once), (200, None, Some("PENDING")));
}

#[tokio::test]
async fn nobody_waits_for_an_execution_that_is_not_there() {
    let service = start().await;
    let answer = service.send(waiting(25)).await;
    assert_eq!(answer.code(), (404, "execution_not_found"));
}
