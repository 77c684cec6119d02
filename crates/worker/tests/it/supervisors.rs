//! Supervisors that die under a worker that lives.

use serde_json::{Value, json};

use crate::scheduler::Scheduler;
use crate::worker::{Bench, is_alive, send_kill, wait_for_file};

/// A child without the marker in a session of its own; nobody but its ancestors can know it.
const HIDES: &str = "env -i setsid sh -c 'echo $$ > @pid; : > @ready; exec sleep 600' & wait";

#[tokio::test]
async fn what_a_killed_supervisor_leaves_is_ended_before_the_end_is_told() {
    let scheduler = Scheduler::start().await;
    let bench = Bench::with_scripts(&[("hides", HIDES, "")]);
    let worker = bench.start(&scheduler.url());
    let id = scheduler
        .create(json!({"type": "hides", "payload": 1, "maxAttempts": 1}))
        .await;
    wait_for_file(&bench.path("ready")).await;
    send_kill(bench.supervisor());
    let failed = scheduler.when_status(id, "FAILED").await;
    assert!(!is_alive(bench.pid("pid")), "it would run beside a retry");
    assert_eq!(
        failed["attempts"][0]["error"]["code"],
        json!("supervisor_lost")
    );
    worker.end().await;
}

#[tokio::test]
async fn a_stop_whose_supervisor_was_killed_is_proven_only_when_nothing_is_left() {
    let scheduler = Scheduler::start().await;
    // The program goes on after SIGTERM, so that the order is still under way.
    let script = format!("trap '' TERM; {HIDES}; wait; sleep 600");
    let bench = Bench::with_scripts(&[("hides", &script, "")]);
    let worker = bench.start(&scheduler.url());
    let id = scheduler
        .create(json!({"type": "hides", "payload": 1, "cancelGraceMs": 600_000}))
        .await;
    wait_for_file(&bench.path("ready")).await;
    scheduler.cancel(id).await;
    let acknowledged = |execution: &Value| execution["stop"]["acknowledgedAt"].is_string();
    scheduler.when(id, acknowledged).await;
    send_kill(bench.supervisor());
    let stopped = scheduler.when_stopped(id).await;
    assert!(!is_alive(bench.pid("pid")));
    let stop = &stopped["stop"];
    assert_eq!(
        (&stop["how"], &stop["evidence"]["proof"]),
        (&json!("killed"), &json!("waitpid"))
    );
    worker.end().await;
}
