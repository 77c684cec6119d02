//! Leases: renewed while the scheduler is there, obeyed when it is not.

use serde_json::json;

use crate::scheduler::Scheduler;
use crate::worker::{Bench, wait_for_file, wait_until};

const SHORT_LEASE_MS: u64 = 3_000;

#[tokio::test]
async fn work_that_outlasts_many_leases_is_kept() {
    let scheduler = Scheduler::with_lease_ms(SHORT_LEASE_MS).await;
    let bench = Bench::with_scripts(&[("run", "sleep 7; echo done", "")]);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("run", json!(1)).await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    assert_eq!(done["attempts"].as_array().unwrap().len(), 1);
    worker.end().await;
}

#[tokio::test]
async fn a_scheduler_that_is_away_too_long_costs_the_work_but_no_attempt() {
    let mut scheduler = Scheduler::with_lease_ms(SHORT_LEASE_MS).await;
    let script = "[ -e @ready ] && exit 0; : > @ready; trap '' TERM; while :; do sleep 0.1; done";
    let bench = Bench::with_scripts(&[("stubborn", script, "")]);
    let worker = bench.start(&scheduler.url());
    let once = json!({"type": "stubborn", "payload": 1, "maxAttempts": 1});
    let id = scheduler.create(once).await;
    wait_for_file(&bench.path("ready")).await;
    scheduler.go().await;
    wait_until("nothing runs any more", || bench.programs().is_empty()).await;
    scheduler.come().await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    assert_eq!(done["attemptCount"], 1);
    let first = &done["attempts"][0];
    assert_eq!(
        (&first["outcome"], &first["counted"]),
        (&json!("interrupted"), &json!(false))
    );
    assert_eq!(scheduler.workers().await.len(), 1, "the session lives on");
    worker.end().await;
}
