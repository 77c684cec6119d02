//! A scheduler that is away: short of the lease the work goes on, beyond it no attempt is counted.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::wait::lasts_for;

use super::truth::ended_as;
use crate::api::start_until;
use crate::fleet::Fleet;

#[tokio::test]
async fn a_scheduler_that_is_away_for_forty_seconds_costs_no_counted_attempt() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    let once = json!({"maxAttempts": 1});
    let bound = start_until(fleet.control(), "gate", &once, "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    scheduler.crash().await?;
    let first = [Mark::first("start", bound.execution)];
    lasts_for("nothing else begins", Duration::from_secs(40), || async {
        Ok(fleet.bench.ledger().marks()? == first)
    })
    .await?;
    // The lease of 30 s could not be renewed: its work was ended before its end.
    assert_eq!(fleet.bench.processes()?, []);

    let _scheduler = fleet.start_scheduler().await?;
    let second = Mark::of("start", bound.execution, 2);
    fleet.bench.marked(&second, Duration::from_secs(45)).await?;
    fleet.bench.open_gate(bound.execution, 2)?;
    let done = ended_as(&fleet, bound, "SUCCEEDED").await?;
    // With one attempt allowed it is done: the one that was interrupted did not count.
    assert_eq!(done["attemptCount"], 1, "{done}");
    let first = &done["attempts"][0];
    assert_eq!(
        (&first["outcome"], &first["counted"]),
        (&json!("interrupted"), &json!(false)),
        "{done}"
    );
    Ok(())
}

#[tokio::test]
async fn work_outlives_a_scheduler_that_is_away_for_less_than_its_lease_allows() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    let once = json!({"maxAttempts": 1});
    let bound = start_until(fleet.control(), "gate", &once, "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    scheduler.crash().await?;
    // The last heartbeat was up to 5 s ago: 20 s after it the work would be asked to end.
    lasts_for("the work goes on", Duration::from_secs(10), || async {
        Ok(!fleet.bench.processes()?.is_empty())
    })
    .await?;
    let _scheduler = fleet.start_scheduler().await?;
    fleet.bench.open_gate(bound.execution, 1)?;
    let done = ended_as(&fleet, bound, "SUCCEEDED").await?;
    let marks = ["start", "end"].map(|word| Mark::first(word, bound.execution));
    assert_eq!(fleet.bench.ledger().marks()?, marks);
    ensure!(
        done["attempts"].as_array().map(Vec::len) == Some(1),
        "{done}"
    );
    Ok(())
}
