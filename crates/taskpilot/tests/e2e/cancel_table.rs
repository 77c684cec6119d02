//! The stop button on an execution in each of its five states, and before there is one.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::process_table::children_of;
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{
    Bound, ask_to_bind, cancel, cancel_and_wait, create_of, proven_stop, start, start_until, task,
    view, view_when, without_later_requests,
};
use crate::fleet::Fleet;
use crate::start::Up;

const REFUSED: &str = "Task cannot be canceled in its current state.";

#[tokio::test]
async fn a_pending_execution_is_canceled_and_never_starts() -> Result<()> {
    let up = Up::start().await?;
    let later = json!({"scheduledFor": "2034-01-01T00:00:00.000Z"});
    let scheduled = start(up.control, "quick", &later).await?;
    let unhandled = start(up.control, "nobody-handles-this", &json!({})).await?;
    for (bound, phase) in [(scheduled, "SCHEDULED"), (unhandled, "READY")] {
        let before = view(up.control, bound.task).await?;
        assert_eq!(
            (&before["status"], &before["phase"]),
            (&json!("PENDING"), &json!(phase))
        );
        let reply = cancel(up.control, bound.task).await?.expect(204)?;
        assert!(reply.body.is_empty());
        let after = view(up.control, bound.task).await?;
        assert_eq!(after["status"], "CANCELED");
        assert_eq!(after["retryState"], "CANCELED");
        assert_eq!(after["stop"]["status"], "NOT_NEEDED");
        assert_eq!(after["attemptCount"], 0);
        assert_eq!(after["cancel"]["requestedBy"], "local");
        assert_eq!(after["cancel"]["requestedAt"], after["completedAt"]);
    }
    assert_eq!(up.bench.ledger().marks()?, []);
    Ok(())
}

#[tokio::test]
async fn a_running_execution_is_canceled_and_its_work_is_stopped() -> Result<()> {
    let up = Up::start().await?;
    let bound = start_until(up.control, "polite", &json!({}), "RUNNING").await?;
    let begun = Mark::first("start", bound.execution);
    up.bench.begun(bound.execution).await?;
    cancel_and_wait(up.control, bound.task).await?.expect(204)?;
    // The answer was the proof: nothing needs to be waited for any more.
    assert_eq!(up.bench.processes()?, []);
    let cleaned = Mark::first("cleanup", bound.execution);
    assert_eq!(up.bench.ledger().marks()?, [begun, cleaned]);
    let after = view(up.control, bound.task).await?;
    assert_eq!(after["status"], "CANCELED");
    assert_eq!(
        (&after["stop"]["status"], &after["stop"]["cause"]),
        (&json!("STOPPED"), &json!("USER"))
    );
    let how = after["stop"]["how"].as_str().unwrap_or_default();
    ensure!(
        ["cooperative", "terminated"].contains(&how),
        "it was ended by {how}"
    );
    assert_eq!(task(up.control, bound.task).await?["status"], "BOUND");
    Ok(())
}

#[tokio::test]
async fn a_cancel_that_waits_for_nothing_is_answered_by_the_verdict() -> Result<()> {
    let up = Up::start().await?;
    let bound = start_until(up.control, "gate", &json!({}), "RUNNING").await?;
    cancel(up.control, bound.task).await?.expect(204)?;
    assert_eq!(view(up.control, bound.task).await?["status"], "CANCELED");
    let after = proven_stop(up.control, bound.task).await?;
    assert_eq!(
        (&after["status"], &after["result"]),
        (&json!("CANCELED"), &Value::Null)
    );
    Ok(())
}

#[tokio::test]
async fn a_result_that_is_late_is_evidence_and_not_the_outcome() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_talkative_worker("worker")?;
    let Bound { task, execution } =
        start_until(fleet.control(), "gate", &json!({}), "RUNNING").await?;
    fleet.bench.begun(execution).await?;
    // The order does not reach the work, which ends by itself and has a result.
    worker.signal(Signal::STOP)?;
    cancel(fleet.control(), task).await?.expect(204)?;
    fleet.bench.open_gate(execution, 1)?;
    let end = Mark::first("end", execution);
    fleet.bench.marked(&end, SOON).await?;
    wait_until("its supervisor has seen the end", SOON, || async {
        Ok(children_of(worker.pid())?.is_empty().then_some(()))
    })
    .await?;
    worker.signal(Signal::CONT)?;
    let after = proven_stop(fleet.control(), task).await?;
    assert_eq!(
        (&after["status"], &after["result"], &after["stop"]["how"]),
        (&json!("CANCELED"), &Value::Null, &json!("finished"))
    );
    let attempt = &after["attempts"][0];
    assert_eq!(
        (&attempt["exitCode"], &attempt["output"]["stdout"]),
        (&json!(0), &json!("attempt 1\n"))
    );
    wait_until("the worker is told that it is late", SOON, || async {
        let log = worker.stderr()?;
        let told = ["handed in", "outcome=Succeeded", "verdict=\"late\""];
        let told = |line: &str| told.iter().all(|word| line.contains(word));
        Ok(log.lines().any(told).then_some(()))
    })
    .await?;
    let last = view(fleet.control(), task).await?;
    assert_eq!(last, with_delivery_of(after, &last));
    Ok(())
}

/// A view, and what the word fills in that its order has arrived: that may come after the proof of the
/// end. What stood before stands.
fn with_delivery_of(mut view: Value, later: &Value) -> Value {
    for stop in ["/stop", "/attempts/0/stop"] {
        let before = view.pointer_mut(stop).expect("a stop");
        if before["deliveredAt"].is_null() {
            for field in ["deliveredAt", "stopsBy"] {
                before[field] = later.pointer(stop).expect("a stop")[field].clone();
            }
        }
    }
    view
}

#[tokio::test]
async fn a_canceled_execution_stays_as_it_was_canceled() -> Result<()> {
    let up = Up::start().await?;
    let bound = start_until(up.control, "gate", &json!({}), "RUNNING").await?;
    // What is canceled before it begins is never signaled.
    up.bench.begun(bound.execution).await?;
    let path = format!("/api/tasks/{}/execution/cancel", bound.task);
    let first = up
        .control
        .put(&path)
        .header("Prefer", "wait=15")
        .json(&json!({"reason": "first"}));
    first.send().await?.expect(204)?;
    // The word that the program was signaled may come after the proof that it has ended.
    let before = wait_until("every stage has its stamp", SOON, || async {
        let view = view(up.control, bound.task).await?;
        Ok((view["stop"]["acknowledgedAt"] != Value::Null).then_some(view))
    })
    .await?;
    assert_eq!(before["cancel"]["reason"], "first");
    let second = up.control.put(&path).json(&json!({"reason": "second"}));
    second.send().await?.expect(204)?;
    let after = view(up.control, bound.task).await?;
    let later = &after["cancel"]["laterRequests"];
    let who = (&later[0]["requestedBy"], &later[0]["reason"], &later[1]);
    assert_eq!(who, (&json!("local"), &json!("second"), &Value::Null));
    let (first, none) = without_later_requests(before);
    let (same, one) = without_later_requests(after);
    assert_eq!((none, one), (json!(0), json!(1)));
    assert_eq!(same, first);
    Ok(())
}

#[tokio::test]
async fn of_many_cancels_at_once_one_is_the_verdict_and_all_succeed() -> Result<()> {
    let up = Up::start().await?;
    let bound = start_until(up.control, "gate", &json!({}), "RUNNING").await?;
    let path = format!("/api/tasks/{}/execution/cancel", bound.task);
    let calls = (0..20).map(|number| {
        let reason = json!({"reason": format!("cancel {number}")});
        tokio::spawn(up.control.put(&path).json(&reason).send())
    });
    for call in calls.collect::<Vec<_>>() {
        call.await??.expect(204)?;
    }
    let verdict = view(up.control, bound.task).await?["cancel"].clone();
    assert_eq!(verdict["laterRequestCount"], 19);
    cancel_and_wait(up.control, bound.task).await?.expect(204)?;
    let after = view(up.control, bound.task).await?["cancel"].clone();
    assert_eq!(after["laterRequestCount"], 20);
    for part in ["requestedAt", "requestedBy", "reason"] {
        assert_eq!(after[part], verdict[part], "{part}");
    }
    Ok(())
}

#[tokio::test]
async fn an_execution_that_succeeded_cannot_be_canceled() -> Result<()> {
    let up = Up::start().await?;
    let bound = start_until(up.control, "quick", &json!({}), "SUCCEEDED").await?;
    refuses_to_cancel(&up, bound.task).await
}

#[tokio::test]
async fn an_execution_that_failed_cannot_be_canceled() -> Result<()> {
    let up = Up::start().await?;
    let once = json!({"maxAttempts": 1});
    let bound = start_until(up.control, "fails", &once, "FAILED").await?;
    refuses_to_cancel(&up, bound.task).await
}

async fn refuses_to_cancel(up: &Up, task: i64) -> Result<()> {
    let before = view(up.control, task).await?;
    for reply in [
        cancel(up.control, task).await?,
        cancel_and_wait(up.control, task).await?,
    ] {
        let problem = reply.problem(409, "execution_conflict")?;
        assert_eq!(problem["detail"], REFUSED);
        assert_eq!(problem["outcome"], "not_applied");
        assert_eq!(problem["retryable"], false);
    }
    assert_eq!(view(up.control, task).await?, before);
    assert_eq!(before["cancel"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_task_without_an_execution_has_nothing_to_cancel() -> Result<()> {
    let up = Up::start().await?;
    let id = create_of(up.control, "quick").await?;
    let problem = cancel(up.control, id)
        .await?
        .problem(409, "task_not_bound")?;
    assert_eq!(problem["detail"], "Task is not bound to scheduler yet.");
    cancel(up.control, id + 1)
        .await?
        .problem(404, "task_not_found")?;
    assert_eq!(task(up.control, id).await?["status"], "PENDING");
    Ok(())
}

#[tokio::test]
async fn a_task_is_withdrawn_only_before_it_is_bound() -> Result<()> {
    let up = Up::start().await?;
    let withdraw = |id: i64| up.control.put(&format!("/api/tasks/{id}/cancel")).send();
    let id = create_of(up.control, "quick").await?;
    withdraw(id).await?.expect(204)?;
    let withdrawn = task(up.control, id).await?;
    assert_eq!(withdrawn["status"], "CANCELED");
    withdraw(id).await?.expect(204)?;
    assert_eq!(task(up.control, id).await?, withdrawn);
    let bind = ask_to_bind(up.control, id).await?;
    bind.problem(409, "task_canceled")?;

    let bound = start_until(up.control, "gate", &json!({}), "RUNNING").await?;
    withdraw(bound.task).await?.problem(409, "task_bound")?;
    withdraw(bound.task + 1)
        .await?
        .problem(404, "task_not_found")?;
    assert_eq!(
        view_when(up.control, bound.task, "status", "RUNNING").await?["cancel"],
        Value::Null
    );
    Ok(())
}
