//! Every role ends and starts again, politely or not, and everything that was acknowledged is there.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::taskpilot::Signal;

use crate::api::{
    active_workers, all, all_work, cancel, create_of, proven_stop, start, start_until, view,
    view_when,
};
use crate::fleet::Fleet;
use crate::start::{DRAIN, Up, up};

/// Tasks in every state that lasts, and what is known of each.
async fn history(control: Http) -> Result<Vec<i64>> {
    let unbound = create_of(control, "quick").await?;
    let withdrawn = create_of(control, "quick").await?;
    control
        .put(&format!("/api/tasks/{withdrawn}/cancel"))
        .send()
        .await?
        .expect(204)?;
    let later = json!({"scheduledFor": "2034-01-01T00:00:00.000Z"});
    let scheduled = start(control, "quick", &later).await?.task;
    let ready = start(control, "nobody-handles-this", &json!({"priority": 5}))
        .await?
        .task;
    let canceled = start(control, "nobody-handles-this", &json!({}))
        .await?
        .task;
    cancel(control, canceled).await?.expect(204)?;
    let succeeded = start_until(control, "quick", &json!({}), "SUCCEEDED")
        .await?
        .task;
    let once = json!({"maxAttempts": 1});
    let failed = start_until(control, "fails", &once, "FAILED").await?.task;
    Ok(vec![
        unbound, withdrawn, scheduled, ready, canceled, succeeded, failed,
    ])
}

/// Lists, tasks and views, to be compared as a whole.
async fn snapshot(control: Http, scheduler: Http, tasks: &[i64]) -> Result<Value> {
    let mut details = Vec::new();
    for task in tasks {
        for path in [
            format!("/api/tasks/{task}"),
            format!("/api/tasks/{task}/execution"),
        ] {
            let reply = control.get(&path).send().await?;
            if reply.status == 409 {
                reply.problem(409, "task_not_bound")?;
            } else {
                details.push(reply.expect(200)?.json()?);
            }
        }
    }
    Ok(json!([all_work(control, scheduler).await?, details]))
}

#[tokio::test]
async fn a_crash_of_every_role_in_turn_loses_nothing() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let control = fleet.start_control().await?;
    let worker = fleet.start_worker("worker")?;
    let tasks = history(fleet.control()).await?;
    let before = snapshot(fleet.control(), fleet.scheduler(), &tasks).await?;

    control.crash().await?;
    let _control = fleet.start_control().await?;
    assert_eq!(
        snapshot(fleet.control(), fleet.scheduler(), &tasks).await?,
        before
    );
    worker.crash().await?;
    scheduler.crash().await?;
    let _scheduler = fleet.start_scheduler().await?;
    assert_eq!(
        snapshot(fleet.control(), fleet.scheduler(), &tasks).await?,
        before
    );
    let _worker = fleet.start_worker("worker")?;
    start_until(fleet.control(), "quick", &json!({}), "SUCCEEDED").await?;
    Ok(())
}

#[tokio::test]
async fn running_work_outlives_a_restart_of_both_services() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    let [canceled, finished] = [
        start_until(fleet.control(), "polite", &json!({}), "RUNNING").await?,
        start_until(fleet.control(), "gate", &json!({}), "RUNNING").await?,
    ];
    fleet.bench.begun(canceled.execution).await?;
    fleet.bench.begun(finished.execution).await?;
    scheduler.crash().await?;
    control.stop(DRAIN).await?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    fleet.bench.open_gate(finished.execution, 1)?;
    let done = view_when(fleet.control(), finished.task, "status", "SUCCEEDED").await?;
    assert_eq!(
        (&done["attemptCount"], &done["result"]["stdout"]),
        (&json!(1), &json!("attempt 1\n"))
    );
    // The stop order finds its way to the worker of before.
    let path = format!("/api/tasks/{}/execution/cancel", canceled.task);
    let stop = fleet
        .control()
        .put(&path)
        .header("Prefer", "wait=20")
        .send()
        .await?;
    stop.expect(204)?;
    assert_eq!(fleet.bench.processes()?, []);
    let marks = ["start", "cleanup"].map(|word| Mark::first(word, canceled.execution));
    assert_eq!(fleet.bench.ledger().of(canceled.execution)?, marks);
    Ok(())
}

#[tokio::test]
async fn a_cancel_given_before_a_crash_of_the_scheduler_is_carried_out_after_it() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("worker")?;
    let bound = start_until(fleet.control(), "polite", &json!({}), "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    // The worker hears nothing of the order before the crash.
    worker.signal(Signal::STOP)?;
    cancel(fleet.control(), bound.task).await?.expect(204)?;
    scheduler.crash().await?;
    let _scheduler = fleet.start_scheduler().await?;
    worker.signal(Signal::CONT)?;
    let stopped = proven_stop(fleet.control(), bound.task).await?;
    assert_eq!(stopped["status"], "CANCELED");
    assert_eq!(fleet.bench.processes()?, []);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_shuts_down_gives_its_work_back_uncounted() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("first")?;
    let short = json!({"cancelGraceMs": 500, "maxAttempts": 1});
    let bound = start_until(fleet.control(), "gate", &short, "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    worker.stop(DRAIN).await?;
    assert_eq!(fleet.bench.processes()?, []);
    active_workers(fleet.scheduler(), 0).await?;
    let back = view(fleet.control(), bound.task).await?;
    assert_eq!(
        (&back["status"], &back["attemptCount"]),
        (&json!("PENDING"), &json!(0))
    );
    let _worker = fleet.start_worker("second")?;
    fleet.bench.open_gate(bound.execution, 2)?;
    let done = view_when(fleet.control(), bound.task, "status", "SUCCEEDED").await?;
    assert_eq!(
        (&done["attemptCount"], &done["result"]["stdout"]),
        (&json!(1), &json!("attempt 2\n"))
    );
    let outcome = &done["attempts"][0]["outcome"];
    ensure!(outcome == "interrupted" || outcome == "released", "{done}");
    Ok(())
}

#[tokio::test]
async fn all_in_one_process_keeps_everything_too() -> Result<()> {
    let first = Up::start().await?;
    let tasks = history(first.control).await?;
    let before = snapshot(first.control, first.scheduler, &tasks).await?;
    let Up { process, bench, .. } = first;
    process.stop(DRAIN).await?;
    let second = Up::when_ready(up(&bench).spawn("up")?, bench).await?;
    assert_eq!(
        snapshot(second.control, second.scheduler, &tasks).await?,
        before
    );
    let Up { process, bench, .. } = second;
    process.crash().await?;
    let third = Up::when_ready(up(&bench).spawn("up")?, bench).await?;
    assert_eq!(
        snapshot(third.control, third.scheduler, &tasks).await?,
        before
    );
    let known = all(third.control, "/api/tasks").await?.len();
    let next = create_of(third.control, "quick").await?;
    ensure!(tasks.iter().all(|id| next > *id), "{next} was used before");
    assert_eq!(all(third.control, "/api/tasks").await?.len(), known + 1);
    Ok(())
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash_at_once() -> Result<()> {
    let mut server = Up::start().await?;
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let bound = start(server.control, "nobody-handles-this", &json!({})).await?;
        cancel(server.control, bound.task).await?.expect(204)?;
        acknowledged.push(bound.task);
        let Up { process, bench, .. } = server;
        process.crash().await?;
        server = Up::when_ready(up(&bench).spawn("up")?, bench).await?;
        for task in &acknowledged {
            assert_eq!(view(server.control, *task).await?["status"], "CANCELED");
        }
    }
    Ok(())
}
