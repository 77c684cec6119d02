//! Metrics of a running scheduler: a stop is in them, and a crash takes nothing away.

use anyhow::{Context, Result};
use serde_json::json;
use taskpilot_e2e::http::Http;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{cancel_and_wait, start_until};
use crate::start::{Up, up};

const COUNT: &str = "taskpilot_stop_stage_seconds_count";

/// How many stops of a type came to each stage, in the order of the stages; 0 where nothing is told.
async fn counts(scheduler: Http, kind: &str) -> Result<[u64; 3]> {
    let reply = scheduler.get("/metrics").send().await?.expect(200)?;
    let (text, kind) = (reply.text(), format!("type=\"{kind}\""));
    let mut counts = [0; 3];
    for (count, stage) in counts.iter_mut().zip(["delivered", "signaled", "stopped"]) {
        let stage = format!("stage=\"{stage}\"");
        let mut lines = text.lines().filter(|line| line.starts_with(COUNT));
        let line = lines.find(|line| line.contains(&kind) && line.contains(&stage));
        let value = line.and_then(|line| line.rsplit(' ').next());
        *count = value.map_or(Ok(0), str::parse).context("not a count")?;
    }
    Ok(counts)
}

/// Cancels one that runs, and waits until so many are counted.
async fn stop_one(up: &Up, expected: [u64; 3]) -> Result<()> {
    let bound = start_until(up.control, "polite", &json!({}), "RUNNING").await?;
    up.bench.begun(bound.execution).await?;
    cancel_and_wait(up.control, bound.task).await?.expect(204)?;
    // That the handler was signaled may be heard after the proof of its end.
    wait_until("all stages are counted", SOON, || async {
        let counts = counts(up.scheduler, "polite").await?;
        Ok((counts == expected).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_stop_is_counted_at_each_stage_and_a_crash_takes_nothing_away() -> Result<()> {
    let first = Up::start().await?;
    assert_eq!(counts(first.scheduler, "polite").await?, [0; 3]);
    stop_one(&first, [1; 3]).await?;
    // The control plane has none of its own.
    let none = first.control.get("/metrics").send().await?;
    none.problem(404, "route_not_found")?;
    let Up { process, bench, .. } = first;
    process.crash().await?;
    let second = Up::when_ready(up(&bench).spawn("up")?, bench).await?;
    assert_eq!(counts(second.scheduler, "polite").await?, [1; 3]);
    stop_one(&second, [2; 3]).await
}
