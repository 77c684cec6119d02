//! Schedulers that come later, go and come back; workers that crash and start again.

use std::fs;

use serde_json::json;
use taskpilot_worker::{Worker, WorkerError};

use crate::scheduler::Scheduler;
use crate::worker::{Bench, wait_for_file, wait_until};

#[tokio::test]
async fn a_worker_waits_for_a_scheduler_that_comes_later() {
    let mut scheduler = Scheduler::absent(30_000).await;
    let bench = Bench::new();
    let worker = bench.start(&scheduler.url());
    scheduler.come().await;
    let id = scheduler.run("demo", json!(1)).await;
    scheduler.when_status(id, "SUCCEEDED").await;
    worker.end().await;
}

#[tokio::test]
async fn running_work_outlives_a_restart_of_the_scheduler() {
    let mut scheduler = Scheduler::start().await;
    let script = ": > @ready; while [ ! -e @go ]; do sleep 0.01; done; : > @done";
    let bench = Bench::with_scripts(&[("gate", script, ""), ("run", ": > @ran; sleep 600", "")]);
    let worker = bench.start(&scheduler.url());
    let finished = scheduler.run("gate", json!(1)).await;
    let canceled = scheduler.run("run", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    wait_for_file(&bench.path("ran")).await;
    scheduler.go().await;
    // It ends while nobody is there to be told.
    fs::write(bench.path("go"), "").unwrap();
    wait_for_file(&bench.path("done")).await;
    scheduler.come().await;
    let done = scheduler.when_status(finished, "SUCCEEDED").await;
    assert_eq!(done["attemptCount"], 1);
    scheduler.cancel(canceled).await;
    let stopped = scheduler.when_stopped(canceled).await;
    assert_eq!(stopped["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(scheduler.workers().await.len(), 1);
    worker.end().await;
}

#[tokio::test]
async fn a_second_worker_on_the_same_directory_is_refused() {
    let scheduler = Scheduler::start().await;
    let bench = Bench::new();
    let worker = bench.start(&scheduler.url());
    let refused = Worker::new(bench.config(&scheduler.url())).unwrap_err();
    assert!(matches!(refused, WorkerError::Locked { .. }), "{refused}");
    worker.end().await;
}

#[tokio::test]
async fn a_worker_that_starts_again_says_goodbye_for_its_former_life() {
    let scheduler = Scheduler::start().await;
    let script = "[ $TASKPILOT_ATTEMPT = 2 ] && exit 0; : > @ready; exec sleep 600";
    let bench = Bench::with_scripts(&[("run", script, "")]);
    let first = bench.start(&scheduler.url());
    let backoff = json!({"initialMs": 1, "maxMs": 1});
    let id = scheduler
        .create(json!({"type": "run", "payload": 1, "backoff": backoff}))
        .await;
    wait_for_file(&bench.path("ready")).await;
    first.crash().await;
    assert!(bench.has_session_file());
    wait_until("the directory is free", || {
        Worker::new(bench.config(&scheduler.url())).is_ok()
    })
    .await;
    let second = bench.start(&scheduler.url());
    // Long before the lease of the former life is over.
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    let outcomes: Vec<_> = [0, 1]
        .map(|n| done["attempts"][n]["outcome"].clone())
        .into();
    assert_eq!(outcomes, ["lost", "succeeded"]);
    assert_eq!(bench.programs(), [0; 0]);
    assert_eq!(scheduler.workers().await.len(), 1);
    second.end().await;
}
