//! Work of a worker that is gone or asleep: it ends by the end of its lease, and what it says
//! afterwards changes nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::process_table::{children_of, signal};
use taskpilot_e2e::taskpilot::{Signal, Taskpilot};
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{Bound, active_workers, cancel, start_until, view, view_when};
use crate::fleet::Fleet;

/// Short enough for a test, long enough for a busy machine.
const LEASE_MS: u64 = 6_000;
/// The lease, two seconds for the handover, and what a busy machine takes.
const HANDOVER: Duration = Duration::from_millis(LEASE_MS + 10_000);

fn no_backoff() -> Value {
    json!({"maxAttempts": 2, "backoff": {"initialMs": 1, "maxMs": 1}})
}

/// Waits for a mark of an attempt that comes when a lease is over.
async fn marked(fleet: &Fleet, mark: Mark) -> Result<()> {
    fleet.bench.marked(&mark, HANDOVER).await
}

/// Its worker handed in that the first attempt succeeded, and was told that this is too late.
async fn refused_as_stale(worker: &Taskpilot, execution: i64) -> Result<()> {
    let words = [
        "handed in".to_owned(),
        format!("execution={execution}"),
        "attempt=1".to_owned(),
        "outcome=Succeeded".to_owned(),
        "verdict=\"stale\"".to_owned(),
    ];
    wait_until("the late result is refused", SOON, || async {
        let log = worker.stderr()?;
        let is_told = |line: &str| words.iter().all(|word| line.contains(word));
        Ok(log.lines().any(is_told).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_sleeping_workers_late_result_is_refused() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let asleep = fleet.start_talkative_worker("asleep")?;
    let Bound { task, execution } =
        start_until(fleet.control(), "gate", &no_backoff(), "RUNNING").await?;
    fleet.bench.begun(execution).await?;
    asleep.signal(Signal::STOP)?;
    // The work is done in time; only its worker cannot say so.
    fleet.bench.open_gate(execution, 1)?;
    marked(&fleet, Mark::first("end", execution)).await?;
    let _awake = fleet.start_worker("awake")?;
    marked(&fleet, Mark::of("start", execution, 2)).await?;

    asleep.signal(Signal::CONT)?;
    // It is back with a session of its own when it was told that the old one is over.
    active_workers(fleet.scheduler(), 2).await?;
    refused_as_stale(&asleep, execution).await?;
    let second = view(fleet.control(), task).await?;
    assert_eq!(
        (&second["status"], &second["attemptCount"]),
        (&json!("RUNNING"), &json!(2))
    );
    fleet.bench.open_gate(execution, 2)?;
    let done = view_when(fleet.control(), task, "status", "SUCCEEDED").await?;
    assert_eq!(done["result"]["stdout"], "attempt 2\n");
    let outcomes = [0, 1].map(|attempt| &done["attempts"][attempt]["outcome"]);
    assert_eq!(outcomes, ["lost", "succeeded"]);
    Ok(())
}

#[tokio::test]
async fn the_work_of_a_sleeping_worker_is_gone_before_another_begins() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let asleep = fleet.start_worker("asleep")?;
    let Bound { task, execution } =
        start_until(fleet.control(), "stubborn-tree", &no_backoff(), "RUNNING").await?;
    fleet.bench.whole_tree().await?;
    asleep.signal(Signal::STOP)?;
    // Nobody takes it over meanwhile, so that what is left can only be of the first attempt.
    gone_by_the_end_of_the_lease(&fleet, task).await?;
    assert_eq!(
        fleet.bench.ledger().marks()?,
        [Mark::first("start", execution)]
    );
    Ok(())
}

#[tokio::test]
async fn a_killed_workers_work_ends_by_the_end_of_its_lease() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("killed")?;
    let Bound { task, execution } =
        start_until(fleet.control(), "stubborn-tree", &no_backoff(), "RUNNING").await?;
    fleet.bench.whole_tree().await?;
    worker.crash().await?;
    gone_by_the_end_of_the_lease(&fleet, task).await?;
    let _next = fleet.start_worker("next")?;
    marked(&fleet, Mark::of("start", execution, 2)).await?;
    let lost = view(fleet.control(), task).await?["attempts"][0].clone();
    assert_eq!(
        (&lost["outcome"], &lost["counted"]),
        (&json!("lost"), &json!(true))
    );
    Ok(())
}

/// The scheduler takes the attempt back when its lease is over; by then its tree is gone.
async fn gone_by_the_end_of_the_lease(fleet: &Fleet, task: i64) -> Result<()> {
    let taken_back = wait_until("the attempt is taken back", HANDOVER, || async {
        let view = view(fleet.control(), task).await?;
        Ok((view["status"] != "RUNNING").then_some(view))
    });
    let taken_back = taken_back.await?;
    let left = fleet.bench.processes()?;
    ensure!(
        left.is_empty(),
        "the scheduler took back {taken_back} while {left:?} ran"
    );
    Ok(())
}

#[tokio::test]
async fn a_cancel_of_a_dead_workers_work_is_presumed_never_proven() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("killed")?;
    let bound = start_until(fleet.control(), "polite", &json!({}), "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    worker.crash().await?;
    cancel(fleet.control(), bound.task).await?.expect(204)?;
    let open = view(fleet.control(), bound.task).await?;
    assert_eq!(
        (&open["status"], &open["stop"]["status"]),
        (&json!("CANCELED"), &json!("REQUESTED"))
    );
    let stops_by = open["stop"]["stopsBy"]
        .as_str()
        .context("no bound is promised")?
        .to_owned();
    let presumed = wait_until("the stop is presumed", HANDOVER, || async {
        let view = view(fleet.control(), bound.task).await?;
        Ok((view["stop"]["endedAt"] != Value::Null).then_some(view))
    })
    .await?;
    assert_eq!(
        (&presumed["stop"]["status"], &presumed["stop"]["how"]),
        (&json!("PRESUMED"), &Value::Null)
    );
    let ended = presumed["stop"]["endedAt"].as_str().context("no end")?;
    ensure!(ended <= stops_by.as_str(), "{ended} is after {stops_by}");
    assert_eq!(fleet.bench.processes()?, []);
    Ok(())
}

#[tokio::test]
async fn a_supervisor_that_is_killed_leaves_no_work_behind() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("worker")?;
    let once = json!({"maxAttempts": 1});
    let bound = start_until(fleet.control(), "gate", &once, "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    let supervisors = children_of(worker.pid())?;
    ensure!(!supervisors.is_empty(), "no supervisor was found");
    for supervisor in supervisors {
        signal(supervisor, Signal::KILL);
    }
    let failed = view_when(fleet.control(), bound.task, "status", "FAILED").await?;
    assert_eq!(fleet.bench.processes()?, [], "{failed}");
    // The worker itself is well.
    start_until(fleet.control(), "quick", &json!({}), "SUCCEEDED").await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_that_starts_again_ends_what_its_former_life_left() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("worker")?;
    let Bound { task, execution } =
        start_until(fleet.control(), "gate", &no_backoff(), "RUNNING").await?;
    fleet.bench.begun(execution).await?;
    // All at once: the supervisor has no time to notice that its worker is gone.
    let supervisors = children_of(worker.pid())?;
    ensure!(!supervisors.is_empty(), "no supervisor was found");
    for pid in &supervisors {
        signal(*pid, Signal::STOP);
    }
    worker.crash().await?;
    for pid in &supervisors {
        signal(*pid, Signal::KILL);
    }
    let _again = fleet.start_worker("worker")?;
    marked(&fleet, Mark::of("start", execution, 2)).await?;
    // What is gone by now cannot go through its gate.
    fleet.bench.open_gate(execution, 1)?;
    fleet.bench.open_gate(execution, 2)?;
    view_when(fleet.control(), task, "status", "SUCCEEDED").await?;
    let marks = [
        Mark::first("start", execution),
        Mark::of("start", execution, 2),
        Mark::of("end", execution, 2),
    ];
    assert_eq!(fleet.bench.ledger().marks()?, marks);
    assert_eq!(fleet.bench.processes()?, []);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_renews_keeps_its_work_beyond_two_leases() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    let bound = start_until(fleet.control(), "gate", &json!({}), "RUNNING").await?;
    let first_lease = lease_until(&fleet).await?;
    // By the scheduler's own clock, however long that takes here.
    wait_until("two more leases are over", 4 * HANDOVER, || async {
        let view = view(fleet.control(), bound.task).await?;
        let runs = view["status"] == "RUNNING" && view["attemptCount"] == 1;
        ensure!(runs, "it was taken away: {view}");
        let passed = lease_until(&fleet).await?.duration_since(first_lease);
        Ok((passed.as_millis() >= 2 * i128::from(LEASE_MS)).then_some(()))
    })
    .await?;
    fleet.bench.open_gate(bound.execution, 1)?;
    let done = view_when(fleet.control(), bound.task, "status", "SUCCEEDED").await?;
    assert_eq!(done["attempts"].as_array().map(Vec::len), Some(1));
    Ok(())
}

/// When the lease of the one worker ends, as the scheduler has it.
async fn lease_until(fleet: &Fleet) -> Result<Timestamp> {
    let workers = active_workers(fleet.scheduler(), 1).await?;
    let until = workers[0]["leaseUntil"].as_str().context("no lease")?;
    Ok(until.parse()?)
}
