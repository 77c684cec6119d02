//! A scheduler that is away for longer than a lease, with a cancel before it or in vain meanwhile.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::proxy::{Cut, Proxy};
use taskpilot_e2e::taskpilot::Taskpilot;
use taskpilot_e2e::wait::lasts_for;

use super::promise::Promise;
use super::work::{HANDOVER, LEASE_MS, ticking};
use crate::api::{cancel, cancel_and_wait, proven_stop, view};
use crate::fleet::Fleet;

const BOTH: Cut = Cut {
    requests: true,
    replies: true,
};

/// A cancel whose order its worker never had, and an outage of the scheduler after it.
struct Outage<'f> {
    proxy: Proxy,
    promise: Promise<'f>,
    /// What had run by the end of the lease.
    marks: Vec<Mark>,
    _others: [Taskpilot; 2],
}

impl<'f> Outage<'f> {
    /// The scheduler is away, and nothing runs any more.
    async fn after_a_cancel(fleet: &'f Fleet) -> Result<Self> {
        let scheduler = fleet.start_scheduler().await?;
        let control = fleet.start_control().await?;
        let proxy = Proxy::before(fleet.scheduler().address()).await?;
        let worker = fleet.start_worker_at("worker", &proxy.url())?;
        let bound = ticking(fleet, 2).await?;
        proxy.cut(BOTH);
        let promise = Promise::of_cancel(fleet, bound).await?;
        let marks = away_for_a_lease(fleet, scheduler).await?;
        Ok(Self {
            proxy,
            promise,
            marks,
            _others: [control, worker],
        })
    }
}

/// Ends the scheduler, waits until its workers' leases are over, and sees that nothing runs by then.
async fn away_for_a_lease(fleet: &Fleet, scheduler: Taskpilot) -> Result<Vec<Mark>> {
    scheduler.crash().await?;
    fleet.bench.deserted().await?;
    let marks = fleet.bench.ledger().marks()?;
    let lease = Duration::from_millis(LEASE_MS + 1_000);
    lasts_for("nothing runs", lease, || async {
        Ok(fleet.bench.processes()?.is_empty() && fleet.bench.ledger().marks()? == marks)
    })
    .await?;
    Ok(marks)
}

#[tokio::test]
async fn a_cancel_before_an_outage_is_proven_after_it_by_a_worker_that_never_had_the_order()
-> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let outage = Outage::after_a_cancel(&fleet).await?;
    let _scheduler = fleet.start_scheduler().await?;
    outage.proxy.cut(Cut::default());
    let settled = outage.promise.settled().await?;
    assert_eq!(
        (&settled["stop"]["status"], &settled["stop"]["how"]),
        (&json!("STOPPED"), &json!("killed")),
        "{settled}"
    );
    outage.promise.stands(&settled, &outage.marks).await
}

/// Its sessions have a lease more after a start: the stop is presumed late, and nothing runs all the
/// same.
#[tokio::test]
async fn a_cancel_before_an_outage_is_presumed_after_it_where_the_worker_does_not_come_back()
-> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let outage = Outage::after_a_cancel(&fleet).await?;
    let _scheduler = fleet.start_scheduler().await?;
    let settled = outage.promise.settled().await?;
    assert_eq!(
        outage.promise.seen(),
        ["REQUESTED", "PRESUMED"],
        "{settled}"
    );
    outage.promise.stands(&settled, &outage.marks).await
}

#[tokio::test]
async fn a_cancel_that_no_scheduler_heard_changed_nothing_and_can_be_repeated() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    let bound = ticking(&fleet, 1).await?;
    scheduler.crash().await?;
    let reply = cancel(fleet.control(), bound.task).await?;
    let problem = reply.problem(503, "scheduler_unavailable")?;
    assert_eq!(problem["outcome"], "not_applied");
    // Nobody told it to end; its lease did.
    fleet.bench.deserted().await?;
    let marks = fleet.bench.ledger().of(bound.execution)?;
    ensure!(marks.iter().all(|mark| mark.attempt == 1), "{marks:?}");
    let _scheduler = fleet.start_scheduler().await?;
    let again = Mark::of("start", bound.execution, 2);
    fleet.bench.marked(&again, HANDOVER).await?;
    let running = view(fleet.control(), bound.task).await?;
    assert_eq!(running["cancel"], json!(null), "{running}");
    cancel_and_wait(fleet.control(), bound.task)
        .await?
        .expect(204)?;
    let stopped = proven_stop(fleet.control(), bound.task).await?;
    assert_eq!(fleet.bench.processes()?, [], "{stopped}");
    crate::faults::one_at_a_time(&fleet, bound.execution)?;
    Ok(())
}
