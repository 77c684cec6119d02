//! The orderly end of a worker.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::scheduler::Scheduler;
use crate::worker::{Bench, wait_for_file, wait_until};

#[tokio::test]
async fn running_work_gets_its_time_and_is_handed_in() {
    let scheduler = Scheduler::start().await;
    let script = ": > @ready; while [ ! -e @go ]; do sleep 0.01; done; echo done";
    let bench = Bench::with_scripts(&[("gate", script, "")]);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("gate", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    let waiting = scheduler.run("nobody-handles-this", json!(1)).await;
    worker.ask_to_end();
    let late = scheduler.run("gate", json!(2)).await;
    fs::write(bench.path("go"), "").unwrap();
    worker.ended().await.unwrap();
    let done = scheduler.execution(id).await;
    assert_eq!(
        (&done["status"], &done["result"]["stdout"]),
        (&json!("SUCCEEDED"), &json!("done\n"))
    );
    for id in [waiting, late] {
        let untouched = scheduler.execution(id).await;
        assert_eq!(
            (&untouched["status"], &untouched["attemptCount"]),
            (&json!("PENDING"), &json!(0))
        );
    }
    assert_eq!(scheduler.workers().await, [json!(null); 0]);
    assert!(!bench.has_session_file());
}

#[tokio::test]
async fn work_that_does_not_end_is_stopped_and_goes_back_uncounted() {
    let scheduler = Scheduler::start().await;
    let script = "trap '' TERM; : > @ready; while :; do sleep 0.1; done";
    let mut bench = Bench::with_scripts(&[("stubborn", script, "")]);
    bench.drain = Duration::from_millis(100);
    let worker = bench.start(&scheduler.url());
    let body =
        json!({"type": "stubborn", "payload": 1, "maxAttempts": 1, "cancelGraceMs": 600_000});
    let id = scheduler.create(body).await;
    wait_for_file(&bench.path("ready")).await;
    worker.end().await;
    assert_eq!(bench.programs(), [0; 0]);
    let back = scheduler.execution(id).await;
    let attempt = &back["attempts"][0];
    assert_eq!(
        (
            &back["status"],
            &back["attemptCount"],
            &attempt["outcome"],
            &attempt["counted"]
        ),
        (
            &json!("PENDING"),
            &json!(0),
            &json!("interrupted"),
            &json!(false)
        )
    );
    assert_eq!(scheduler.workers().await, [json!(null); 0]);
}

#[tokio::test]
async fn an_end_takes_no_longer_than_the_time_to_drain() {
    let scheduler = Scheduler::start().await;
    let deaf = "trap '' TERM; : > @deaf; while :; do sleep 0.1; done";
    let polite = "trap 'exit 0' TERM; : > @polite; while :; do sleep 0.1; done";
    let mut bench = Bench::with_scripts(&[("deaf", deaf, ""), ("polite", polite, "")]);
    bench.drain = Duration::from_secs(4);
    let worker = bench.start(&scheduler.url());
    let mut ids = Vec::new();
    for kind in ["deaf", "polite"] {
        let body = json!({"type": kind, "payload": 1, "cancelGraceMs": 600_000});
        ids.push(scheduler.create(body).await);
        wait_for_file(&bench.path(kind)).await;
    }
    worker.ask_to_end();
    let ended = tokio::time::timeout(Duration::from_secs(7), worker.ended()).await;
    ended.expect("an end in time").unwrap();
    assert_eq!(bench.programs(), [0; 0]);
    for id in ids {
        let back = scheduler.execution(id).await;
        let attempt = &back["attempts"][0];
        assert_eq!(
            (&back["status"], &attempt["outcome"], &attempt["counted"]),
            (&json!("PENDING"), &json!("interrupted"), &json!(false))
        );
    }
    assert_eq!(scheduler.workers().await, [json!(null); 0]);
    assert!(!bench.has_session_file(), "it said goodbye");
}

#[tokio::test]
async fn a_hastened_end_stops_what_runs_with_its_grace_and_gives_it_back() {
    let scheduler = Scheduler::start().await;
    let polite = "trap ': > @cleaned; exit 0' TERM; : > @ready; while :; do sleep 0.1; done";
    let mut bench = Bench::with_scripts(&[("polite", polite, "")]);
    // Without haste it would run for minutes.
    bench.drain = Duration::from_mins(10);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("polite", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    worker.hasten();
    let still = scheduler.execution(id).await;
    assert_eq!(still["status"], "RUNNING", "haste alone ends nothing");
    worker.end().await;
    assert!(bench.path("cleaned").exists(), "it was asked politely");
    let back = scheduler.execution(id).await;
    let attempt = &back["attempts"][0];
    assert_eq!(
        (&back["status"], &attempt["outcome"], &attempt["counted"]),
        (&json!("PENDING"), &json!("interrupted"), &json!(false))
    );
    assert_eq!(scheduler.workers().await, [json!(null); 0]);
}

#[tokio::test]
async fn what_was_granted_and_has_not_begun_is_given_back_and_never_begins() {
    let scheduler = Scheduler::start().await;
    let mut bench = Bench::with_scripts(&[("run", ": > @ran; exec sleep 600", "")]);
    bench.drain = Duration::from_mins(10);
    bench.hold_supervisors();
    let worker = bench.start(&scheduler.url());
    let body = json!({"type": "run", "payload": 1, "maxAttempts": 1});
    let id = scheduler.create(body).await;
    wait_for_file(&bench.path("coming")).await;
    let leased = scheduler.execution(id).await;
    assert_eq!(leased["status"], "RUNNING");
    worker.ask_to_end();
    fs::write(bench.path("come"), "").unwrap();
    worker.ended().await.unwrap();
    assert!(!bench.path("ran").exists());
    let back = scheduler.execution(id).await;
    let attempt = &back["attempts"][0];
    assert_eq!(
        (
            &back["status"],
            &back["attemptCount"],
            &attempt["outcome"],
            &attempt["counted"]
        ),
        (
            &json!("PENDING"),
            &json!(0),
            &json!("released"),
            &json!(false)
        )
    );
    assert_eq!(scheduler.workers().await, [json!(null); 0]);
}

#[tokio::test]
async fn an_end_without_a_scheduler_is_an_end_all_the_same() {
    let mut scheduler = Scheduler::start().await;
    let mut bench = Bench::with_scripts(&[("run", ": > @ready; exec sleep 600", "")]);
    bench.drain = Duration::ZERO;
    let worker = bench.start(&scheduler.url());
    scheduler.run("run", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    scheduler.go().await;
    worker.end().await;
    assert_eq!(bench.programs(), [0; 0]);
    assert!(
        bench.has_session_file(),
        "the next life says goodbye for it"
    );
}

#[tokio::test]
async fn a_worker_that_waits_for_its_scheduler_ends_at_once() {
    let scheduler = Scheduler::absent(30_000).await;
    let bench = Bench::new();
    let worker = bench.start(&scheduler.url());
    worker.end().await;
    wait_until("its directory is free", || {
        taskpilot_worker::Worker::new(bench.config(&scheduler.url())).is_ok()
    })
    .await;
}
