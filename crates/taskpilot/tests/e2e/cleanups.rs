//! A canceled execution is cleaned up after exactly once, whatever became of it, and not before nothing of
//! it runs any more. What ran is read from the ledger of the handlers.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::process_table::{children_of, signal};
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{Bound, active_workers, cancel, start, start_until, view, view_when};
use crate::fleet::Fleet;
use crate::start::Up;

/// The view of a task once its cleanup has ended.
async fn cleaned(control: Http, task: i64) -> Result<Value> {
    wait_until("the cleanup has ended", SOON, || async move {
        let view = view(control, task).await?;
        let ended = view["cleanup"]["completedAt"].is_string();
        Ok(ended.then_some(view))
    })
    .await
}

async fn cancel_because(control: Http, task: i64, reason: &str) -> Result<()> {
    let path = format!("/api/tasks/{task}/execution/cancel");
    let body = json!({"reason": reason});
    control.put(&path).json(&body).send().await?.expect(204)?;
    Ok(())
}

/// What the cleanup was told, as its command printed it.
fn told(view: &Value) -> Result<Value> {
    let printed = view["cleanup"]["result"]["stdout"].as_str();
    let printed = printed.with_context(|| format!("nothing was printed: {view}"))?;
    Ok(serde_json::from_str(printed)?)
}

async fn ready() -> Result<Up> {
    let up = Up::start().await?;
    active_workers(up.scheduler, 1).await?;
    Ok(up)
}

#[tokio::test]
async fn it_begins_when_the_stop_is_proven_and_knows_why() -> Result<()> {
    let up = ready().await?;
    let bound = start(up.control, "tidy", &json!({})).await?;
    up.bench.begun(bound.execution).await?;
    cancel_because(up.control, bound.task, "the wrong one").await?;
    let view = cleaned(up.control, bound.task).await?;
    let marks = ["start", "end", "cleaned"].map(|word| Mark::first(word, bound.execution));
    assert_eq!(up.bench.ledger().marks()?, marks);
    assert_eq!(view["status"], "CANCELED");
    let cleanup = &view["cleanup"];
    ensure!(cleanup["status"] == "SUCCEEDED", "{view}");
    ensure!(
        cleanup["attempts"][0]["startedAt"].as_str() >= view["stop"]["endedAt"].as_str(),
        "{view}"
    );
    let told = told(&view)?;
    assert_eq!(told["executionId"], bound.execution);
    assert_eq!(told["attempt"], 1);
    assert_eq!(told["requestedAt"], view["cancel"]["requestedAt"]);
    assert_eq!(
        [
            &told["cause"],
            &told["reason"],
            &told["requestedBy"],
            &told["stop"]
        ],
        ["USER", "the wrong one", "local", "STOPPED"]
    );
    Ok(())
}

#[tokio::test]
async fn what_never_began_is_cleaned_up_too() -> Result<()> {
    let up = ready().await?;
    let later = json!({"scheduledFor": "2034-01-01T00:00:00.000Z"});
    let bound = start(up.control, "tidy", &later).await?;
    cancel(up.control, bound.task).await?.expect(204)?;
    let view = cleaned(up.control, bound.task).await?;
    let marks = [Mark::first("cleaned", bound.execution)];
    assert_eq!(up.bench.ledger().marks()?, marks);
    let told = told(&view)?;
    assert_eq!(
        (&told["attempt"], &told["stop"]),
        (&Value::Null, &json!("NOT_NEEDED"))
    );
    Ok(())
}

#[tokio::test]
async fn a_cleanup_that_fails_between_two_attempts_is_tried_again_and_shown() -> Result<()> {
    let up = ready().await?;
    let patient = json!({"backoff": {"initialMs": 86_400_000, "maxMs": 86_400_000}});
    let bound = start(up.control, "tidy-fails", &patient).await?;
    view_when(up.control, bound.task, "phase", "BACKING_OFF").await?;
    cancel(up.control, bound.task).await?.expect(204)?;
    let view = cleaned(up.control, bound.task).await?;
    let marks = [1, 2].map(|attempt| Mark::of("cleaned", bound.execution, attempt));
    assert_eq!(up.bench.ledger().marks()?, marks);
    let cleanup = &view["cleanup"];
    assert_eq!(
        (&cleanup["status"], &cleanup["attemptCount"]),
        (&json!("FAILED"), &json!(2))
    );
    let error = cleanup["lastError"].as_str().context("no error")?;
    ensure!(error.contains("exit"), "{view}");
    let listed = up.control.get("/api/tasks").send().await?.expect(200)?;
    let listed = listed.json()?["items"][0]["execution"].clone();
    assert_eq!(
        [&listed["status"], &listed["cleanup"]],
        ["CANCELED", "FAILED"]
    );
    Ok(())
}

#[tokio::test]
async fn a_cleanup_has_a_deadline_and_a_stop_of_its_own() -> Result<()> {
    let up = ready().await?;
    let bound = start_until(up.control, "tidy-hangs", &json!({}), "RUNNING").await?;
    cancel(up.control, bound.task).await?.expect(204)?;
    let what = "the stop of the cleanup is proven";
    let view = wait_until(what, SOON, || async {
        let view = view(up.control, bound.task).await?;
        let proven = view["cleanup"]["stop"]["status"] == "STOPPED";
        Ok(proven.then_some(view))
    })
    .await?;
    let cleanup = &view["cleanup"];
    assert_eq!(
        [
            &cleanup["status"],
            &cleanup["stop"]["cause"],
            &view["stop"]["cause"]
        ],
        ["FAILED", "TIMEOUT", "USER"]
    );
    assert_eq!(up.bench.processes()?, []);
    Ok(())
}

#[tokio::test]
async fn many_cancels_at_once_and_a_crash_owe_one() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    active_workers(fleet.scheduler(), 1).await?;
    let mut all = Vec::new();
    for _ in 0..4 {
        let bound = start(fleet.control(), "tidy", &json!({})).await?;
        fleet.bench.begun(bound.execution).await?;
        all.push(bound);
    }
    let cancels = all
        .iter()
        .chain(&all)
        .map(|one| cancel(fleet.control(), one.task));
    let mut answered = Vec::new();
    for each in cancels.collect::<Vec<_>>() {
        answered.push(tokio::spawn(each));
    }
    for each in answered {
        each.await??.expect(204)?;
    }
    scheduler.crash().await?;
    let _scheduler = fleet.start_scheduler().await?;
    for Bound { task, execution } in all {
        cancel(fleet.control(), task).await?.expect(204)?;
        cleaned(fleet.control(), task).await?;
        let marks = fleet.bench.ledger().of(execution)?;
        let cleaned = marks.iter().filter(|mark| mark.word == "cleaned");
        assert_eq!(cleaned.count(), 1, "{marks:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_lost_host_is_cleaned_up_after_by_another() -> Result<()> {
    let fleet = Fleet::with_lease_ms(3_000)?.contained("subreaper");
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let lost = fleet.start_worker("lost")?;
    active_workers(fleet.scheduler(), 1).await?;
    let bound = start(fleet.control(), "tidy", &json!({})).await?;
    fleet.bench.begun(bound.execution).await?;
    let supervisors = children_of(lost.pid())?;
    ensure!(!supervisors.is_empty(), "no supervisor was found");
    for pid in &supervisors {
        signal(*pid, Signal::STOP);
    }
    lost.crash().await?;
    for pid in &supervisors {
        signal(*pid, Signal::KILL);
    }
    let _other = fleet.start_worker("other")?;
    cancel(fleet.control(), bound.task).await?.expect(204)?;
    let view = cleaned(fleet.control(), bound.task).await?;
    assert_eq!(view["stop"]["status"], "PRESUMED");
    assert_eq!(view["cleanup"]["attempts"][0]["workerName"], "other");
    assert_eq!(told(&view)?["stop"], "PRESUMED");
    for process in fleet.bench.processes()? {
        process.signal(Signal::KILL);
    }
    Ok(())
}

#[tokio::test]
async fn many_that_are_canceled_together_are_each_cleaned_up_once() -> Result<()> {
    let up = ready().await?;
    let later = json!({"scheduledFor": "2034-01-01T00:00:00.000Z"});
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(start(up.control, "tidy", &later).await?);
    }
    let many = json!({"filter": {"type": "tidy"}, "reason": "all of them"});
    let asked = up.control.post("/api/cancellations").json(&many);
    asked.send().await?.expect(201)?;
    for Bound { task, execution } in all {
        let view = cleaned(up.control, task).await?;
        assert_eq!(told(&view)?["cause"], "BULK");
        let marks = [Mark::first("cleaned", execution)];
        assert_eq!(up.bench.ledger().of(execution)?, marks);
    }
    Ok(())
}
