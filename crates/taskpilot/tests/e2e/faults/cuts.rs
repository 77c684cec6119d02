//! One way of the network is cut for longer than a lease, and opened again.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::proxy::{Cut, Proxy};
use taskpilot_e2e::wait::lasts_for;

use super::truth::ended_as;
use crate::api::start_until;
use crate::fleet::Fleet;

/// Short enough for a test, long enough for a busy machine.
const LEASE_MS: u64 = 6_000;
async fn work_is_handed_over_once(cut: Cut) -> Result<Value> {
    let fleet = Fleet::with_lease_ms(LEASE_MS)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let proxy = Proxy::before(fleet.scheduler().address()).await?;
    let _worker = fleet.start_worker_at("worker", &proxy.url())?;
    let twice = json!({"maxAttempts": 2, "backoff": {"initialMs": 1, "maxMs": 1}});
    let bound = start_until(fleet.control(), "gate", &twice, "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    proxy.cut(cut);
    let lease = Duration::from_millis(LEASE_MS + 2_000);
    lasts_for("no other attempt begins beside it", lease, || async {
        let marks = fleet.bench.ledger().marks()?;
        Ok(marks == [Mark::first("start", bound.execution)])
    })
    .await?;
    // The worker could not know that its lease was renewed, or could not renew it.
    fleet.bench.deserted().await?;
    // What was granted behind the cut may be over before the worker hears of it.
    for attempt in 2..=5 {
        fleet.bench.open_gate(bound.execution, attempt)?;
    }
    proxy.cut(Cut::default());
    let done = ended_as(&fleet, bound, "SUCCEEDED").await?;
    ensure!(done["attempts"][0]["outcome"] != "succeeded", "{done}");
    Ok(done)
}

#[tokio::test]
async fn work_of_a_worker_that_is_not_heard_ends_by_its_lease_and_runs_again() -> Result<()> {
    let done = work_is_handed_over_once(Cut {
        requests: true,
        replies: false,
    })
    .await?;
    // The scheduler was there, and did not hear of it.
    let lost = &done["attempts"][0];
    assert_eq!(
        (&lost["outcome"], &lost["counted"]),
        (&json!("lost"), &json!(true)),
        "{done}"
    );
    assert_eq!(done["attemptCount"], 2, "{done}");
    Ok(())
}

#[tokio::test]
async fn work_of_a_worker_that_hears_nothing_ends_by_its_lease_and_runs_again() -> Result<()> {
    let done = work_is_handed_over_once(Cut {
        requests: false,
        replies: true,
    })
    .await?;
    // It said itself, where nobody answered, that it was interrupted: that costs nothing.
    assert_eq!(done["attempts"][0]["outcome"], "interrupted", "{done}");
    assert_eq!(done["attemptCount"], 1, "{done}");
    Ok(())
}
