//! A cancel whose worker is cut off from the scheduler, in one direction, in the other, in both.

use anyhow::Result;
use taskpilot_e2e::proxy::{Cut, Proxy};

use super::promise::{Promise, ended_in_time};
use super::work::{LEASE_MS, ticking};
use crate::api::active_workers;
use crate::fleet::Fleet;

/// Cancels behind a cut, and gives how the stop was settled. What is settled stands when the way is
/// open again.
async fn canceled_behind(cut: Cut, status: &str) -> Result<Vec<String>> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    let _worker = fleet.start_worker_at("worker", &proxy.url())?;
    let bound = ticking(&fleet, 2).await?;
    proxy.cut(cut);
    let promise = Promise::of_cancel(&fleet, bound).await?;
    let settled = promise.settled().await?;
    assert_eq!(settled["stop"]["status"], status, "{settled}");
    ended_in_time(&settled)?;
    let marks = fleet.bench.ledger().marks()?;
    proxy.cut(Cut::default());
    // Whatever the worker had to say has arrived when it works again.
    active_workers(fleet.scheduler(), 1).await?;
    let next = ticking(&fleet, 1).await?;
    fleet.bench.open_gate(next.execution, 1)?;
    crate::api::view_when(fleet.control(), next.task, "status", "SUCCEEDED").await?;
    let all = fleet.bench.ledger().marks()?;
    let later = all[marks.len()..].iter();
    let of_it = later.filter(|mark| mark.execution == bound.execution);
    assert_eq!(of_it.count(), 0, "it ran on: {all:?}");
    promise.stands(&settled, &all).await?;
    Ok(promise.seen())
}

#[tokio::test]
async fn what_a_worker_cannot_say_is_presumed_when_its_lease_is_over() -> Result<()> {
    let cut = Cut {
        requests: true,
        replies: false,
    };
    // The order arrives, and what is said of it does not.
    let seen = canceled_behind(cut, "PRESUMED").await?;
    assert_eq!(seen, ["REQUESTED", "PRESUMED"]);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_hears_nothing_ends_its_work_by_its_lease_and_proves_it() -> Result<()> {
    let cut = Cut {
        requests: false,
        replies: true,
    };
    let seen = canceled_behind(cut, "STOPPED").await?;
    assert_eq!(seen, ["REQUESTED", "STOPPED"]);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_cut_off_ends_its_work_before_that_is_presumed() -> Result<()> {
    let cut = Cut {
        requests: true,
        replies: true,
    };
    let seen = canceled_behind(cut, "PRESUMED").await?;
    assert_eq!(seen, ["REQUESTED", "PRESUMED"]);
    Ok(())
}
