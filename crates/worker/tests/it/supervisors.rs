//! Supervisors that die or hang under a worker that lives.

use std::time::Duration;

use serde_json::{Value, json};

use crate::scheduler::Scheduler;
use crate::worker::{Bench, is_alive, send_kill, wait_for_file, wait_until};

/// A child without the marker in a session of its own; nobody but its ancestors can know it.
const HIDES: &str = "env -i setsid sh -c 'echo $$ > @pid; : > @ready; exec sleep 600' & wait";
/// Stops its own supervisor.
const STOPS_ITS_SUPERVISOR: &str = "kill -STOP $PPID; trap '' TERM; : > @ready; sleep 600";

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

#[tokio::test]
async fn a_supervisor_that_hangs_does_not_keep_a_stop_from_its_end() {
    let scheduler = Scheduler::start().await;
    let mut bench = Bench::with_scripts(&[("hangs", STOPS_ITS_SUPERVISOR, "")]);
    bench.slots = 1;
    let worker = bench.start(&scheduler.url());
    let id = scheduler
        .create(json!({"type": "hangs", "payload": 1, "cancelGraceMs": 100}))
        .await;
    wait_for_file(&bench.path("ready")).await;
    scheduler.cancel(id).await;
    let stopped = scheduler.when_stopped(id).await;
    assert_eq!(stopped["stop"]["how"], json!("killed"));
    assert_eq!(bench.programs(), [0; 0]);
    let next = scheduler.run("demo", json!(1)).await;
    scheduler.when_status(next, "SUCCEEDED").await;
    worker.end().await;
}

#[tokio::test]
async fn a_supervisor_that_hangs_does_not_keep_work_beyond_its_lease() {
    let mut scheduler = Scheduler::with_lease_ms(3_000).await;
    let bench = Bench::with_scripts(&[("hangs", STOPS_ITS_SUPERVISOR, "")]);
    let worker = bench.start(&scheduler.url());
    let once = json!({"type": "hangs", "payload": 1, "maxAttempts": 1});
    let id = scheduler.create(once).await;
    wait_for_file(&bench.path("ready")).await;
    scheduler.go().await;
    wait_until("nothing runs any more", || bench.programs().is_empty()).await;
    scheduler.come().await;
    let reported = |execution: &Value| execution["attempts"][0]["outcome"].is_string();
    let back = scheduler.when(id, reported).await;
    let first = &back["attempts"][0];
    assert_eq!(
        (&first["outcome"], &first["counted"]),
        (&json!("interrupted"), &json!(false))
    );
    worker.end().await;
}

#[tokio::test]
async fn a_supervisor_that_hangs_does_not_keep_a_worker_from_its_end() {
    let scheduler = Scheduler::start().await;
    let mut bench = Bench::with_scripts(&[("hangs", STOPS_ITS_SUPERVISOR, "")]);
    bench.drain = Duration::from_secs(8);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("hangs", json!(1)).await;
    wait_for_file(&bench.path("ready")).await;
    worker.ask_to_end();
    let ended = tokio::time::timeout(Duration::from_secs(14), worker.ended()).await;
    ended.expect("an end in time").unwrap();
    assert_eq!(bench.programs(), [0; 0]);
    let back = scheduler.execution(id).await;
    assert_eq!(
        (&back["status"], &back["attempts"][0]["counted"]),
        (&json!("PENDING"), &json!(false))
    );
}
