//! A cancel whose worker sleeps, and wakes when its lease is over.

use anyhow::{Result, ensure};
use serde_json::Value;
use taskpilot_e2e::process_table::{children_of, signal};
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::wait_until;

use super::promise::{Promise, ended_in_time};
use super::work::{HANDOVER, LEASE_MS, ticking};
use crate::api::{active_workers, cancel, view};
use crate::fleet::Fleet;

#[tokio::test]
async fn the_work_of_a_sleeping_worker_is_ended_by_its_supervisor_and_its_late_word_is_no_proof()
-> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("asleep")?;
    let bound = ticking(&fleet, 2).await?;
    worker.signal(Signal::STOP)?;
    let promise = Promise::of_cancel(&fleet, bound).await?;
    let settled = promise.settled().await?;
    assert_eq!(promise.seen(), ["REQUESTED", "PRESUMED"]);
    ended_in_time(&settled)?;
    let marks = fleet.bench.ledger().marks()?;
    worker.signal(Signal::CONT)?;
    // It is back with a session of its own when it was told that the old one is over.
    active_workers(fleet.scheduler(), 1).await?;
    promise.stands(&settled, &marks).await
}

/// The limit of the promise: where nobody is awake who could end the work, it is not said to have
/// ended.
#[tokio::test]
async fn work_that_nobody_can_end_is_presumed_and_ends_when_its_supervisor_wakes() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("asleep")?;
    let bound = ticking(&fleet, 2).await?;
    let supervisors = children_of(worker.pid())?;
    ensure!(!supervisors.is_empty(), "no supervisor was found");
    worker.signal(Signal::STOP)?;
    for pid in &supervisors {
        signal(*pid, Signal::STOP);
    }
    cancel(fleet.control(), bound.task).await?.expect(204)?;
    let presumed = wait_until("the stop is presumed", HANDOVER, || async {
        let view = view(fleet.control(), bound.task).await?;
        ensure!(view["stop"]["status"] != "STOPPED", "{view}");
        Ok((view["stop"]["status"] == "PRESUMED").then_some(view))
    })
    .await?;
    assert_eq!(presumed["stop"]["how"], Value::Null);
    ensure!(!fleet.bench.processes()?.is_empty(), "who ended it?");
    // The lease is long over: that is the first thing it sees.
    for pid in &supervisors {
        signal(*pid, Signal::CONT);
    }
    fleet.bench.deserted().await?;
    worker.signal(Signal::CONT)?;
    active_workers(fleet.scheduler(), 1).await?;
    assert_eq!(
        view(fleet.control(), bound.task).await?["stop"]["status"],
        "PRESUMED"
    );
    Ok(())
}
