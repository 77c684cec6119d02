//! A stop ends the whole tree of processes, however its members try to get away. The test looks for
//! itself, in the table of the kernel.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::process_table::Process;
use taskpilot_e2e::taskpilot::Signal;

use crate::api::{Bound, cancel_and_wait, proven_stop, start, start_until, view, view_when};
use crate::start::Up;

/// Starts a tree, waits until it is whole, and gives its processes.
async fn grown(up: &Up, kind: &str, grace_ms: u64) -> Result<(Bound, Vec<Process>)> {
    let grace = json!({"cancelGraceMs": grace_ms});
    let bound = start_until(up.control, kind, &grace, "RUNNING").await?;
    Ok((bound, up.bench.whole_tree().await?))
}

#[tokio::test]
async fn a_cancel_ends_the_whole_tree() -> Result<()> {
    let up = Up::start().await?;
    let (bound, tree) = grown(&up, "tree", 10_000).await?;
    // The double fork has lost its parent: it belongs to nobody whom the program knows.
    let orphans = tree.iter().filter(|process| process.command == "sleep 601");
    let parents: Vec<i32> = orphans.map(|process| process.parent).collect();
    let known = tree.iter().any(|process| parents.contains(&process.pid));
    ensure!(parents.len() == 1 && !known, "{tree:?}");

    cancel_and_wait(up.control, bound.task).await?.expect(204)?;
    assert_eq!(up.bench.processes()?, []);
    let stopped = view(up.control, bound.task).await?;
    assert_eq!(stopped["stop"]["status"], "STOPPED");
    let containment = stopped["stop"]["containment"].as_str().unwrap_or_default();
    ensure!(["cgroup", "subreaper"].contains(&containment), "{stopped}");
    assert_eq!(
        up.bench.ledger().marks()?,
        [Mark::first("start", bound.execution)]
    );
    Ok(())
}

#[tokio::test]
async fn a_cancel_ends_a_tree_that_ignores_sigterm_after_its_grace() -> Result<()> {
    let up = Up::start().await?;
    let (bound, _) = grown(&up, "stubborn-tree", 500).await?;
    cancel_and_wait(up.control, bound.task).await?.expect(204)?;
    assert_eq!(up.bench.processes()?, []);
    let stop = view(up.control, bound.task).await?["stop"].clone();
    assert_eq!(
        (&stop["status"], &stop["how"]),
        (&json!("STOPPED"), &json!("killed"))
    );
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_runs_too_long_is_ended_with_its_tree() -> Result<()> {
    let up = Up::start().await?;
    // Time enough to begin on any machine.
    let limits = json!({"attemptTimeoutMs": 5_000, "maxAttempts": 1, "cancelGraceMs": 200});
    let bound = start(up.control, "stubborn-tree", &limits).await?;
    up.bench.begun(bound.execution).await?;
    let failed = view_when(up.control, bound.task, "status", "FAILED").await?;
    assert_eq!(
        (&failed["attempts"][0]["outcome"], &failed["stop"]["cause"]),
        (&json!("timed_out"), &json!("TIMEOUT"))
    );
    assert_eq!(failed["cancel"], json!(null));
    proven_stop(up.control, bound.task).await?;
    assert_eq!(up.bench.processes()?, []);
    Ok(())
}

#[tokio::test]
async fn a_program_that_ends_leaves_nothing_behind() -> Result<()> {
    let up = Up::start().await?;
    let (bound, tree) = grown(&up, "tree", 10_000).await?;
    let main = tree
        .iter()
        .find(|process| process.command == "sleep 603")
        .context("no main sleep")?;
    // The program's own last step ends by itself; what it started in the background does not.
    main.signal(Signal::TERM);
    view_when(up.control, bound.task, "status", "SUCCEEDED").await?;
    assert_eq!(up.bench.processes()?, []);
    Ok(())
}

#[tokio::test]
async fn a_crash_of_the_whole_service_ends_its_work() -> Result<()> {
    let up = Up::start().await?;
    grown(&up, "stubborn-tree", 10_000).await?;
    let Up { process, bench, .. } = up;
    process.crash().await?;
    bench.deserted().await
}
