//! A control plane whose scheduler is away: it answers for itself, promises nothing, loses nothing.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;

use crate::api::{
    all, bind_in_vain, cancel, create_of, start, start_until, task_when, view, view_when,
    without_later_requests,
};
use crate::fleet::Fleet;

#[tokio::test]
async fn a_cancel_while_binding_is_carried_out_when_the_scheduler_is_there() -> Result<()> {
    let fleet = Fleet::new()?;
    let _control = fleet.start_control().await?;
    let (id, _) = bind_in_vain(fleet.control(), "quick").await?;
    let withdraw = fleet
        .control()
        .put(&format!("/api/tasks/{id}/cancel"))
        .send()
        .await?;
    withdraw.problem(409, "task_binding")?;

    let reply = cancel(fleet.control(), id).await?;
    let problem = reply.problem(503, "scheduler_unavailable")?;
    assert_eq!(
        (&problem["outcome"], &problem["retryable"]),
        (&json!("unknown"), &json!(true))
    );
    ensure!(reply.header("retry-after").is_some(), "{:?}", reply.headers);

    let _worker = fleet.start_worker("worker")?;
    let _scheduler = fleet.start_scheduler().await?;
    let bound = task_when(fleet.control(), id, "BOUND").await?;
    let canceled = view_when(fleet.control(), id, "status", "CANCELED").await?;
    assert_eq!(canceled["attemptCount"], 0);
    // The worker is there and works; this one it never had.
    let other = start_until(fleet.control(), "quick", &json!({}), "SUCCEEDED").await?;
    let execution = bound["schedulerTaskId"].as_i64().context("no execution")?;
    assert_ne!(execution, other.execution);
    assert_eq!(fleet.bench.ledger().of(execution)?, []);
    assert_eq!(all(fleet.scheduler(), "/tasks").await?.len(), 2);
    cancel(fleet.control(), id).await?.expect(204)?;
    let (after, _) = without_later_requests(view(fleet.control(), id).await?);
    assert_eq!(after, without_later_requests(canceled).0);
    Ok(())
}

#[tokio::test]
async fn a_cancel_while_binding_outlives_a_crash_of_the_control_plane() -> Result<()> {
    let fleet = Fleet::new()?;
    let control = fleet.start_control().await?;
    let (id, _) = bind_in_vain(fleet.control(), "quick").await?;
    cancel(fleet.control(), id)
        .await?
        .problem(503, "scheduler_unavailable")?;
    control.crash().await?;
    let _worker = fleet.start_worker("worker")?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    task_when(fleet.control(), id, "BOUND").await?;
    view_when(fleet.control(), id, "status", "CANCELED").await?;
    start_until(fleet.control(), "quick", &json!({}), "SUCCEEDED").await?;
    assert_eq!(
        fleet.bench.ledger().marks()?.len(),
        2,
        "only the other one has run"
    );
    Ok(())
}

#[tokio::test]
async fn a_bind_begun_without_a_scheduler_is_finished_when_it_is_there() -> Result<()> {
    let fleet = Fleet::new()?;
    let _control = fleet.start_control().await?;
    let (id, problem) = bind_in_vain(fleet.control(), "quick").await?;
    assert_eq!(problem["outcome"], "not_applied");
    let path = format!("/api/tasks/{id}/execution");
    fleet
        .control()
        .get(&path)
        .send()
        .await?
        .problem(409, "task_not_bound")?;
    let _worker = fleet.start_worker("worker")?;
    let _scheduler = fleet.start_scheduler().await?;
    let bound = task_when(fleet.control(), id, "BOUND").await?;
    let execution = bound["schedulerTaskId"].as_i64().context("no execution")?;
    view_when(fleet.control(), id, "status", "SUCCEEDED").await?;
    let marks = [
        Mark::first("start", execution),
        Mark::first("end", execution),
    ];
    assert_eq!(fleet.bench.ledger().marks()?, marks);
    assert_eq!(all(fleet.scheduler(), "/tasks").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn lists_go_on_without_executions_while_the_scheduler_is_away() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let unbound = create_of(fleet.control(), "quick").await?;
    let bound = start(fleet.control(), "quick", &json!({})).await?;
    let before = item(&fleet, bound.task).await?;
    assert_eq!(
        before["execution"],
        json!({"status": "PENDING", "phase": "READY", "cleanup": null})
    );
    scheduler.crash().await?;

    let away = item(&fleet, bound.task).await?;
    let seen = (
        &away["execution"],
        &away["executionUnavailable"],
        &away["status"],
    );
    assert_eq!(seen, (&Value::Null, &json!(true), &json!("BOUND")));
    let never = item(&fleet, unbound).await?;
    ensure!(
        never
            .get("executionUnavailable")
            .is_none_or(|flag| flag == false),
        "{never}"
    );
    let path = format!("/api/tasks/{}/execution", bound.task);
    let reply = fleet.control().get(&path).send().await?;
    reply.problem(503, "scheduler_unavailable")?;
    let reply = cancel(fleet.control(), bound.task).await?;
    assert_eq!(
        reply.problem(503, "scheduler_unavailable")?["outcome"],
        "not_applied"
    );

    let _scheduler = fleet.start_scheduler().await?;
    assert_eq!(item(&fleet, bound.task).await?, before);
    cancel(fleet.control(), bound.task).await?.expect(204)?;
    Ok(())
}

async fn item(fleet: &Fleet, task: i64) -> Result<Value> {
    let items = all(fleet.control(), "/api/tasks").await?;
    let item = items.into_iter().find(|item| item["id"] == task);
    item.with_context(|| format!("task {task} is not listed"))
}
