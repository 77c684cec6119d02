//! What must be true when all is over, judged by the ledger that the services never see.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use taskpilot_e2e::wait::wait_until;

use crate::api::{Bound, view};
use crate::fleet::Fleet;

/// Room for a claim whose answer is waited for in vain, and for a lease.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until an execution is over, its work too, and judges it: it has `status`, one outcome was
/// acknowledged, its attempts did not overlap, and its stop, if there was one, is proven.
pub(crate) async fn ended_as(fleet: &Fleet, bound: Bound, status: &str) -> Result<Value> {
    let what = format!("{bound:?} is {status} and its work is over");
    let view = wait_until(&what, PATIENCE, || async {
        let view = view(fleet.control(), bound.task).await?;
        let stop = &view["stop"]["status"];
        ensure!(stop != "STUCK" && stop != "ABANDONED", "{view}");
        let is_open = ["REQUESTED", "DELIVERED", "ACKNOWLEDGED"]
            .iter()
            .any(|open| stop == open);
        Ok((view["status"] == status && !is_open).then_some(view))
    })
    .await?;
    let attempts = view["attempts"].as_array().context("no attempts")?;
    let succeeded = attempts
        .iter()
        .filter(|attempt| attempt["outcome"] == "succeeded");
    let (succeeded, done) = (succeeded.count(), usize::from(status == "SUCCEEDED"));
    ensure!(succeeded == done, "{succeeded} attempts succeeded: {view}");
    let ends = one_at_a_time(fleet, bound.execution)?;
    match status {
        "SUCCEEDED" => ensure!(ends >= 1, "it never came to its end: {view}"),
        "CANCELED" => ensure!(
            view["stop"]["status"] == "STOPPED" || view["stop"]["status"] == "NOT_NEEDED",
            "the stop is not proven: {view}"
        ),
        _ => {}
    }
    Ok(view)
}

/// Fails where two attempts ran at once or one ran twice; gives how many came to their end.
pub(crate) fn one_at_a_time(fleet: &Fleet, execution: i64) -> Result<usize> {
    let marks = fleet.bench.ledger().of(execution)?;
    let (mut current, mut ends) = (0, 0);
    for mark in &marks {
        if mark.word == "start" {
            ensure!(mark.attempt > current, "begun again: {marks:?}");
            current = mark.attempt;
        } else {
            ensure!(mark.attempt == current, "two ran at once: {marks:?}");
            ends += usize::from(mark.word == "end");
        }
    }
    Ok(ends)
}
