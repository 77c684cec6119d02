//! One task has one execution, whatever races and whatever gets lost on the way.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::stand_in::{Manner, StandIn};
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{
    all, ask_to_bind, bind, cancel, create_of, id_of, start, task, task_when, view, view_when,
    without_later_requests,
};
use crate::start::{ControlOnly, Up};

#[tokio::test]
async fn a_hundred_binds_at_once_make_one_execution() -> Result<()> {
    let up = Up::start().await?;
    let id = create_of(up.control, "nobody-handles-this").await?;
    let calls: Vec<_> = (0..100)
        .map(|_| tokio::spawn(ask_to_bind(up.control, id)))
        .collect();
    let (mut created, mut executions) = (0, Vec::new());
    for call in calls {
        let reply = call.await??;
        ensure!(
            reply.status == 200 || reply.status == 201,
            "{} {}",
            reply.status,
            reply.text()
        );
        created += usize::from(reply.status == 201);
        executions.push(id_of(&reply.json()?, "schedulerTaskId")?);
    }
    executions.dedup();
    assert_eq!((created, executions.len()), (1, 1));
    assert_eq!(ids(up.scheduler).await?, executions);
    Ok(())
}

async fn ids(scheduler: Http) -> Result<Vec<i64>> {
    let executions = all(scheduler, "/tasks").await?;
    executions
        .iter()
        .map(|execution| id_of(execution, "id"))
        .collect()
}

#[tokio::test]
async fn a_bound_task_answers_with_its_binding_whatever_is_asked() -> Result<()> {
    let up = Up::start().await?;
    let bound = start(
        up.control,
        "nobody-handles-this",
        &json!({"queue": "first"}),
    )
    .await?;
    let path = format!("/api/tasks/{}/scheduler", bound.task);
    for body in [
        json!({}),
        json!({"queue": "second"}),
        json!({"schedulerType": "quick"}),
    ] {
        let reply = up
            .control
            .post(&path)
            .json(&body)
            .send()
            .await?
            .expect(200)?;
        assert_eq!(reply.json()?["schedulerTaskId"], bound.execution);
    }
    let execution = up
        .scheduler
        .get(&format!("/tasks/{}", bound.execution))
        .send()
        .await?;
    let execution = execution.expect(200)?.json()?;
    assert_eq!(
        (&execution["queue"], &execution["type"]),
        (&json!("first"), &json!("nobody-handles-this"))
    );
    assert_eq!(ids(up.scheduler).await?, [bound.execution]);
    Ok(())
}

#[tokio::test]
async fn a_bind_needs_no_body() -> Result<()> {
    let up = Up::start().await?;
    let id = create_of(up.control, "quick").await?;
    let reply = ask_to_bind(up.control, id).await?.expect(201)?;
    id_of(&reply.json()?, "schedulerTaskId")?;
    assert_eq!(
        view_when(up.control, id, "status", "SUCCEEDED").await?["attemptCount"],
        1
    );
    Ok(())
}

#[tokio::test]
async fn options_reach_the_execution() -> Result<()> {
    let up = Up::start().await?;
    let options = json!({
        "schedulerType": "demo-slow", "queue": "mail", "priority": -3, "maxAttempts": 5,
        "scheduledFor": "2034-01-01T00:00:00.000Z", "attemptTimeoutMs": 1_000,
        "deadline": "2034-01-02T00:00:00.000Z", "cancelGraceMs": 7,
    });
    let bound = start(up.control, "quick", &options).await?;
    let path = format!("/tasks/{}", bound.execution);
    let execution = up.scheduler.get(&path).send().await?.expect(200)?.json()?;
    let asked = options.as_object().into_iter().flatten();
    for (name, value) in asked.filter(|(name, _)| *name != "schedulerType") {
        assert_eq!(&execution[name], value, "{name}");
    }
    assert_eq!(
        (&execution["type"], &execution["payload"]),
        (&json!("demo-slow"), &json!("hello"))
    );
    assert_eq!(task(up.control, bound.task).await?["type"], "quick");
    Ok(())
}

/// A real scheduler behind a stand-in that loses answers.
async fn behind_a_stand_in() -> Result<(Up, StandIn, ControlOnly)> {
    let up = Up::start().await?;
    let stand_in = StandIn::start_as(Manner::Forwards(up.scheduler.address())).await?;
    let only = ControlOnly::before(&stand_in).await?;
    Ok((up, stand_in, only))
}

#[tokio::test]
async fn a_bind_whose_answers_are_lost_makes_one_execution() -> Result<()> {
    let (up, stand_in, only) = behind_a_stand_in().await?;
    let scheduler = up.scheduler.address();
    let lossy = Manner::ForwardsAndHangsUp(scheduler).for_creates_else(Manner::Forwards(scheduler));
    stand_in.behave(lossy);
    let id = create_of(only.control, "nobody-handles-this").await?;
    let reply = ask_to_bind(only.control, id).await?;
    assert_eq!(
        reply.problem(503, "scheduler_unavailable")?["outcome"],
        "unknown"
    );
    let made = ids(up.scheduler).await?;
    ensure!(made.len() == 1, "{made:?}");
    assert_eq!(task(only.control, id).await?["status"], "BINDING");
    stand_in.behave(Manner::Forwards(scheduler));
    // Nobody asks again: the control plane drives it by itself.
    let bound = task_when(only.control, id, "BOUND").await?;
    assert_eq!(bound["schedulerTaskId"], made[0]);
    assert_eq!(ids(up.scheduler).await?, made);
    let bodies: Vec<_> = stand_in
        .creates()
        .into_iter()
        .map(|create| create.body)
        .collect();
    ensure!(
        bodies.windows(2).all(|pair| pair[0] == pair[1]),
        "a repeat has other bytes"
    );
    Ok(())
}

#[tokio::test]
async fn a_crash_of_the_control_plane_within_a_bind_makes_one_execution() -> Result<()> {
    let (up, stand_in, only) = behind_a_stand_in().await?;
    let scheduler = up.scheduler.address();
    stand_in.behave(Manner::Hangs.for_creates_else(Manner::Forwards(scheduler)));
    let id = create_of(only.control, "nobody-handles-this").await?;
    let bind = tokio::spawn(ask_to_bind(only.control, id));
    wait_until("the create is on its way", SOON, || async {
        Ok((!stand_in.creates().is_empty()).then_some(()))
    })
    .await?;
    let bench = only.crash().await?;
    ensure!(bind.await?.is_err(), "a crashed server has answered");
    stand_in.behave(Manner::Forwards(scheduler));
    let only = ControlOnly::on(bench, &stand_in.url()).await?;
    let bound = task_when(only.control, id, "BOUND").await?;
    assert_eq!(
        ids(up.scheduler).await?,
        [id_of(&bound, "schedulerTaskId")?]
    );
    Ok(())
}

#[tokio::test]
async fn a_cancel_whose_answer_is_lost_is_the_verdict_and_its_repeat_changes_nothing() -> Result<()>
{
    let (up, stand_in, only) = behind_a_stand_in().await?;
    let scheduler = up.scheduler.address();
    let id = create_of(only.control, "nobody-handles-this").await?;
    bind(only.control, id, &json!({})).await?;
    stand_in.behave(Manner::ForwardsAndHangsUp(scheduler));
    let reply = cancel(only.control, id).await?;
    assert_eq!(
        reply.problem(503, "scheduler_unavailable")?["outcome"],
        "unknown"
    );
    stand_in.behave(Manner::Forwards(scheduler));
    let before = view(only.control, id).await?;
    assert_eq!(before["status"], "CANCELED");
    cancel(only.control, id).await?.expect(204)?;
    let (after, _) = without_later_requests(view(only.control, id).await?);
    let (before, _) = without_later_requests(before);
    assert_eq!(after, before);
    assert_ne!(before["cancel"], Value::Null);
    Ok(())
}
