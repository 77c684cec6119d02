//! What work is told of its stop: why, by whom and with which reason.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use taskpilot_worker::{Context, Failure, Handlers};
use tokio::sync::Notify;

use crate::scheduler::Scheduler;
use crate::worker::{Bench, wait_for_file, wait_until};

/// Keeps what it finds in its file at the signal, all by itself: the signal may reach a `cp` too. That
/// there is nothing before is what it waits for.
const KEEPS: &str = r#"file=$TASKPILOT_STOP_FILE
trap 'if [ -e "$file" ]; then read -r said < "$file"; printf %s "$said" > @said; fi; exit 0' TERM
[ ! -e "$file" ] && : > @ready; while :; do sleep 0.01; done"#;

fn keeper(keys: &str) -> Bench {
    Bench::with_scripts(&[("keep", KEEPS, keys)])
}

fn said(bench: &Bench) -> Value {
    let text = fs::read(bench.path("said")).unwrap();
    let mut said: Value = serde_json::from_slice(&text).unwrap();
    if let Some(at) = said["requestedAt"].as_str() {
        assert!(at.ends_with('Z'), "{at}");
        said["requestedAt"] = json!("then");
    }
    said
}

fn of_ours(cause: &str) -> Value {
    json!({"cause": cause, "requestedBy": null, "requestedAt": null, "reason": null})
}

fn files(bench: &Bench) -> usize {
    fs::read_dir(bench.path("state/journal/stops"))
        .unwrap()
        .count()
}

#[tokio::test]
async fn a_program_finds_who_canceled_it_and_why() {
    let scheduler = Scheduler::start().await;
    let bench = keeper("");
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("keep", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    scheduler
        .cancel_with(id, json!({"reason": "no \"longer\"\nwanted"}))
        .await;
    scheduler.when_stopped(id).await;
    assert_eq!(
        said(&bench),
        json!({"cause": "USER", "requestedBy": "local", "requestedAt": "then",
            "reason": "no \"longer\"\nwanted"})
    );
    assert_eq!(files(&bench), 0, "nobody needs it any more");
    worker.end().await;
}

#[tokio::test]
async fn a_program_is_told_of_stops_that_nobody_ordered() {
    let scheduler = Scheduler::start().await;
    let bench = keeper("timeout_ms = 300");
    let worker = bench.start(&scheduler.url());
    let late = scheduler
        .create(json!({"type": "keep", "payload": 1, "maxAttempts": 1}))
        .await;
    scheduler.when_status(late, "FAILED").await;
    assert_eq!(said(&bench), of_ours("TIMEOUT"));
    worker.end().await;

    for crash in [false, true] {
        let bench = keeper("");
        let worker = bench.start(&scheduler.url());
        scheduler.run("keep", json!(1)).await;
        wait_for_file(&bench.path("ready")).await;
        if crash {
            worker.crash().await;
            wait_until("it has ended", || bench.programs().is_empty()).await;
        } else {
            worker.end().await;
        }
        assert_eq!(said(&bench), of_ours("SHUTDOWN"), "crash: {crash}");
    }
}

#[tokio::test]
async fn the_cause_of_an_order_is_the_scheduler_s() {
    let scheduler = Scheduler::start().await;
    let bench = keeper("");
    let worker = bench.start(&scheduler.url());
    let body = json!({"type": "keep", "payload": 1, "maxAttempts": 1, "attemptTimeoutMs": 300});
    let id = scheduler.create(body).await;
    scheduler.when_stopped(id).await;
    let expected = json!({"cause": "TIMEOUT", "requestedBy": null, "requestedAt": "then",
        "reason": null});
    assert_eq!(said(&bench), expected);
    worker.end().await;
}

#[tokio::test]
async fn a_program_that_may_write_hardly_anything_has_no_file_and_is_stopped_all_the_same() {
    let scheduler = Scheduler::start().await;
    let script = r#"[ -z "$TASKPILOT_STOP_FILE" ] && : > @ready; exec sleep 600"#;
    let bench = Bench::with_scripts(&[("small", script, "limits = { file_bytes = 10 }")]);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("small", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    scheduler.cancel(id).await;
    let stopped = scheduler.when_stopped(id).await;
    assert_eq!(stopped["stop"]["how"], "terminated");
    worker.end().await;
}

#[tokio::test]
async fn a_stop_does_not_hang_on_its_file() {
    let scheduler = Scheduler::start().await;
    let bench = keeper("");
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("keep", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    fs::remove_dir(bench.path("state/journal/stops")).unwrap();
    scheduler.cancel(id).await;
    let stopped = scheduler.when_stopped(id).await;
    assert_eq!(stopped["stop"]["how"], "terminated");
    assert!(!bench.path("said").exists());
    worker.end().await;
}

#[tokio::test]
async fn what_a_previous_life_left_is_gone() {
    let scheduler = Scheduler::start().await;
    let bench = Bench::new();
    let directory = bench.path("state/journal/stops");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("old.json"), "{}").unwrap();
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("demo", json!(1)).await;
    scheduler.when_status(id, "SUCCEEDED").await;
    assert_eq!(files(&bench), 0);
    worker.end().await;
}

#[tokio::test]
async fn a_function_is_told_who_canceled_it_and_why() {
    let scheduler = Scheduler::start().await;
    let begun = Arc::new(Notify::new());
    let told = Arc::new(Mutex::new(Vec::new()));
    let handlers = {
        let (begun, told) = (begun.clone(), told.clone());
        Handlers::none().with("work", move |context: Context| {
            let (begun, told) = (begun.clone(), told.clone());
            async move {
                assert_eq!(context.stop_notice(), None);
                begun.notify_one();
                context.cancellation().cancelled().await;
                told.lock().unwrap().extend(context.stop_notice().cloned());
                Err::<(), _>(Failure::canceled())
            }
        })
    };
    let bench = Bench::with_handlers(handlers);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("work", json!(1)).await;
    begun.notified().await;
    scheduler.cancel_with(id, json!({"reason": "enough"})).await;
    scheduler.when_stopped(id).await;
    let told = told.lock().unwrap().clone();
    let [notice] = told.as_slice() else {
        panic!("it was told once: {told:?}");
    };
    assert_eq!(
        (
            notice.cause.as_str(),
            notice.requested_by.as_deref(),
            notice.reason.as_deref()
        ),
        ("USER", Some("local"), Some("enough"))
    );
    worker.end().await;
}
