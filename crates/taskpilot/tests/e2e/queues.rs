//! Queues as an operator steers them, judged by what really ran.

use anyhow::{Result, ensure};
use serde_json::json;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{cancel, start, start_until, view, view_when};
use crate::start::Up;

#[tokio::test]
async fn what_is_created_in_a_paused_queue_runs_after_the_resume() -> Result<()> {
    let up = Up::start().await?;
    let pause = up.control.put("/api/queues/default/pause");
    pause
        .json(&json!({"reason": "a test"}))
        .send()
        .await?
        .expect(200)?;
    let bound = start(up.control, "quick", &json!({})).await?;
    let blocked = view_when(up.control, bound.task, "phase", "BLOCKED").await?;
    assert_eq!(blocked["blockedBy"], "paused");
    assert_eq!(up.bench.ledger().marks()?, []);
    let resume = up.control.put("/api/queues/default/resume");
    resume.send().await?.expect(200)?;
    view_when(up.control, bound.task, "status", "SUCCEEDED").await?;
    let marks = ["start", "end"].map(|word| Mark::first(word, bound.execution));
    assert_eq!(up.bench.ledger().marks()?, marks);
    Ok(())
}

#[tokio::test]
async fn a_limit_of_one_never_runs_two_and_waits_for_the_proof_of_a_stop() -> Result<()> {
    let up = Up::start().await?;
    let limit = up.control.put("/api/queues/default");
    limit
        .json(&json!({"maxRunning": 1}))
        .send()
        .await?
        .expect(200)?;
    let grace = json!({"cancelGraceMs": 1_500});
    let first = start_until(up.control, "stubborn-tree", &grace, "RUNNING").await?;
    up.bench.whole_tree().await?;
    let second = start(up.control, "gate", &json!({})).await?;
    let third = start(up.control, "gate", &json!({})).await?;
    let blocked = view_when(up.control, second.task, "phase", "BLOCKED").await?;
    assert_eq!(blocked["blockedBy"], "limit");
    cancel(up.control, first.task).await?.expect(204)?;
    // It is deaf to SIGTERM: for its grace it is canceled and runs, and holds the place.
    let begun = |execution| Mark::first("start", execution);
    wait_until("the stop is proven", SOON, || async {
        let early = up.bench.ledger().has(&begun(second.execution))?;
        let proven = view(up.control, first.task).await?["stop"]["status"] == "STOPPED";
        ensure!(proven || !early, "it began before the stop was proven");
        Ok(proven.then_some(()))
    })
    .await?;
    up.bench.begun(second.execution).await?;
    ensure!(!up.bench.ledger().has(&begun(third.execution))?);
    up.bench.open_gate(third.execution, 1)?;
    up.bench.open_gate(second.execution, 1)?;
    view_when(up.control, third.task, "status", "SUCCEEDED").await?;
    let expected = [
        begun(first.execution),
        begun(second.execution),
        Mark::first("end", second.execution),
        begun(third.execution),
        Mark::first("end", third.execution),
    ];
    assert_eq!(up.bench.ledger().marks()?, expected);
    Ok(())
}
