//! Cancels and timeouts of running attempts, from the order to the proof.

use serde_json::{Value, json};

use crate::scheduler::Scheduler;
use crate::worker::{Bench, wait_for_file, wait_until};

fn proof(stop: &Value) -> [&Value; 5] {
    ["status", "cause", "how", "containment", "evidence"].map(|key| &stop[key])
}

#[tokio::test]
async fn a_canceled_program_is_terminated_and_the_end_is_proven() {
    let scheduler = Scheduler::start().await;
    let bench = Bench::with_scripts(&[("run", ": > @ready; exec sleep 600", "")]);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("run", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    scheduler.cancel(id).await;
    let stopped = scheduler.when_stopped(id).await;
    assert_eq!(bench.programs(), [0; 0]);
    let evidence = json!({"swept": 1, "proof": "waitpid", "detail": null, "overdue": null});
    assert_eq!(
        proof(&stopped["stop"]),
        [
            &json!("STOPPED"),
            &json!("USER"),
            &json!("terminated"),
            &json!("subreaper"),
            &evidence
        ]
    );
    for stamp in ["requestedAt", "deliveredAt", "acknowledgedAt", "endedAt"] {
        let filled = scheduler
            .when(id, |execution| execution["stop"][stamp].is_string())
            .await;
        assert_eq!(filled["status"], "CANCELED");
    }
    let attempt = &scheduler.execution(id).await["attempts"][0];
    assert_eq!(
        (&attempt["outcome"], &attempt["signal"]),
        (&json!("canceled"), &json!(15))
    );
    worker.end().await;
}

#[tokio::test]
async fn a_program_that_ignores_the_signal_is_killed_after_its_grace() {
    let scheduler = Scheduler::start().await;
    let script = "trap '' TERM; : > @deaf; sleep 600 & sleep 600";
    let bench = Bench::with_scripts(&[("stubborn", script, "")]);
    let worker = bench.start(&scheduler.url());
    let body = json!({"type": "stubborn", "payload": "hello", "cancelGraceMs": 200});
    let id = scheduler.create(body).await;
    wait_for_file(&bench.path("deaf")).await;
    scheduler.cancel(id).await;
    let stopped = scheduler.when_stopped(id).await;
    assert_eq!(bench.programs(), [0; 0]);
    assert_eq!(stopped["stop"]["how"], "killed");
    worker.end().await;
}

#[tokio::test]
async fn a_slot_is_used_again_after_a_stop() {
    let scheduler = Scheduler::start().await;
    let mut bench = Bench::new();
    bench.slots = 1;
    let worker = bench.start(&scheduler.url());
    for _ in 0..5 {
        let slow = scheduler.run("demo-slow", json!("hello")).await;
        scheduler.when_status(slow, "RUNNING").await;
        let next = scheduler.run("demo", json!(1)).await;
        scheduler.cancel(slow).await;
        scheduler.when_stopped(slow).await;
        scheduler.when_status(next, "SUCCEEDED").await;
    }
    worker.end().await;
}

#[tokio::test]
async fn an_attempt_that_runs_too_long_is_stopped_and_tried_again() {
    let scheduler = Scheduler::start().await;
    let script = "[ $TASKPILOT_ATTEMPT = 2 ] && exit 0; exec sleep 600";
    let bench = Bench::with_scripts(&[("hangs", script, "")]);
    let worker = bench.start(&scheduler.url());
    let body = json!({"type": "hangs", "payload": 1, "attemptTimeoutMs": 500,
        "backoff": {"initialMs": 1, "maxMs": 1}});
    let id = scheduler.create(body).await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    let first = &done["attempts"][0];
    assert_eq!(
        (
            &first["outcome"],
            &first["stop"]["status"],
            &first["stop"]["cause"]
        ),
        (&json!("timed_out"), &json!("STOPPED"), &json!("TIMEOUT"))
    );
    // How its program ended came with a report that was too late to count.
    assert_eq!(
        (&first["signal"], &first["late"]["outcome"]),
        (&json!(15), &json!("interrupted"))
    );
    worker.end().await;
}

#[tokio::test]
async fn a_flood_of_cancels_leaves_nothing_running_and_nothing_unproven() {
    let scheduler = Scheduler::start().await;
    let mut bench = Bench::with_scripts(&[("run", "exec sleep 600", "")]);
    bench.slots = 10;
    let worker = bench.start(&scheduler.url());
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(scheduler.run("run", json!(1)).await);
    }
    // Some run, some are being started, some are claimed just now, some wait.
    for id in &ids {
        scheduler.cancel(*id).await;
    }
    for id in ids {
        let settled = |execution: &Value| {
            let status = &execution["stop"]["status"];
            execution["status"] == "CANCELED" && (status == "STOPPED" || status == "NOT_NEEDED")
        };
        scheduler.when(id, settled).await;
    }
    wait_until("nothing runs", || bench.programs().is_empty()).await;
    worker.end().await;
}
