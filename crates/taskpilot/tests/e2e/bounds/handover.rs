//! Without a cancel: the next attempt begins when nothing of the one before lives any more.

use std::time::Duration;

use anyhow::Result;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::proxy::{Cut, Proxy};
use taskpilot_e2e::taskpilot::{Signal, Taskpilot};
use taskpilot_e2e::wait::lasts_for;

use super::work::{HANDOVER, LEASE_MS, ticking};
use crate::api::Bound;
use crate::faults::{ended_as, one_at_a_time};
use crate::fleet::Fleet;

/// Another worker takes it over; its marks come behind those of the one before, every one of them.
async fn taken_over(fleet: &Fleet, bound: Bound) -> Result<Taskpilot> {
    let other = fleet.start_worker("other")?;
    let second = Mark::of("start", bound.execution, 2);
    fleet.bench.marked(&second, HANDOVER).await?;
    // Each that lives writes twenty marks in that time.
    let a_while = Duration::from_secs(1);
    lasts_for("only the second one runs", a_while, || async {
        Ok(one_at_a_time(fleet, bound.execution).is_ok())
    })
    .await?;
    Ok(other)
}

/// It ends well, in the second attempt.
async fn done(fleet: &Fleet, bound: Bound) -> Result<()> {
    fleet.bench.open_gate(bound.execution, 1)?;
    fleet.bench.open_gate(bound.execution, 2)?;
    let view = ended_as(fleet, bound, "SUCCEEDED").await?;
    assert_eq!(view["attempts"][0]["outcome"], "lost", "{view}");
    assert_eq!(view["attempts"].as_array().map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test]
async fn nothing_runs_beside_the_work_of_a_worker_that_is_cut_off() -> Result<()> {
    for replies in [false, true] {
        let fleet = Fleet::with_lease_ms(LEASE_MS)?;
        let _scheduler = fleet.start_scheduler().await?;
        let _control = fleet.start_control().await?;
        let proxy = Proxy::before(fleet.scheduler().address()).await?;
        let _worker = fleet.start_worker_at("worker", &proxy.url())?;
        let bound = ticking(&fleet, 2).await?;
        proxy.cut(Cut {
            requests: true,
            replies,
        });
        let _other = taken_over(&fleet, bound).await?;
        proxy.cut(Cut::default());
        done(&fleet, bound).await?;
    }
    Ok(())
}

#[tokio::test]
async fn nothing_runs_beside_the_work_of_a_worker_that_sleeps() -> Result<()> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let asleep = fleet.start_worker("asleep")?;
    let bound = ticking(&fleet, 2).await?;
    asleep.signal(Signal::STOP)?;
    let _other = taken_over(&fleet, bound).await?;
    asleep.signal(Signal::CONT)?;
    done(&fleet, bound).await
}
