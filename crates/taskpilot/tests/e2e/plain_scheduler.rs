//! In front of a scheduler that has nothing but the plain contract.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};
use taskpilot_e2e::wait::{SOON, lasts_for, wait_until};
use tokio::task::JoinSet;

use crate::api::{
    Bound, all, ask_to_bind, bind, bind_in_vain, cancel, create, create_of, start, task, task_when,
    view,
};
use crate::start::ControlOnly;

/// The members of a view beside its two sure ones.
const UNSURE: [&str; 20] = [
    "attemptCount",
    "maxAttempts",
    "nextRunAt",
    "retryState",
    "lastError",
    "scheduledFor",
    "processingStartedAt",
    "completedAt",
    "workerId",
    "queueLatencyMs",
    "processingLatencyMs",
    "endToEndLatencyMs",
    "result",
    "phase",
    "blockedBy",
    "cancel",
    "cleanup",
    "stop",
    "progress",
    "attempts",
];

fn plain_view(execution: i64, status: &str) -> Value {
    let mut view = json!({"schedulerTaskId": execution, "status": status});
    for member in UNSURE {
        view[member] = Value::Null;
    }
    view
}

#[tokio::test]
async fn only_type_and_payload_are_sent_and_a_payload_is_a_string() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    for (payload, sent) in [
        (json!("hello"), "hello"),
        (json!(""), ""),
        (
            json!({"a": null, "b": [1, 2.5]}),
            r#"{"a":null,"b":[1,2.5]}"#,
        ),
        (json!([]), "[]"),
        (json!(7), "7"),
        (json!(true), "true"),
        (Value::Null, "null"),
    ] {
        stand_in.forget();
        let body = json!({"type": "demo", "title": "t", "labels": {"a": "b"}, "payload": payload});
        let id = create(only.control, &body).await?;
        bind(only.control, id, &json!({})).await?;
        let creates = stand_in.creates();
        assert_eq!(creates.len(), 1);
        assert_eq!(creates[0].json()?, json!({"type": "demo", "payload": sent}));
    }
    Ok(())
}

#[tokio::test]
async fn a_payload_goes_as_it_was_written_but_for_blanks() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    let text = "{\"type\":\"demo\",\"payload\": {\"z\": 1.10, \"a\" : 12345678901234567890123 }}";
    let created = only
        .control
        .post("/api/tasks")
        .json_text(text)
        .send()
        .await?
        .expect(201)?;
    bind(
        only.control,
        crate::api::id_of(&created.json()?, "id")?,
        &json!({}),
    )
    .await?;
    let sent = stand_in.creates()[0].json()?;
    assert_eq!(sent["payload"], r#"{"z":1.10,"a":12345678901234567890123}"#);
    Ok(())
}

#[tokio::test]
async fn the_type_asked_for_at_bind_time_is_sent() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    start(only.control, "demo", &json!({"schedulerType": "demo-slow"})).await?;
    let sent = stand_in.creates()[0].json()?;
    assert_eq!(sent, json!({"type": "demo-slow", "payload": "hello"}));
    Ok(())
}

#[tokio::test]
async fn no_request_carries_what_the_plain_contract_does_not_have() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    let options = json!({"queue": "mail", "priority": 3, "maxAttempts": 7, "cancelGraceMs": 5});
    let id = create_of(only.control, "demo").await?;
    // Whether options that nobody can keep are refused or left out is not judged here.
    let path = format!("/api/tasks/{id}/scheduler");
    only.control.post(&path).json(&options).send().await?;
    let bound = start(only.control, "demo", &json!({})).await?;
    let cancel = format!("/api/tasks/{}/execution/cancel", bound.task);
    let call = only.control.put(&cancel).header("Prefer", "wait=1");
    call.json(&json!({"reason": "enough"}))
        .send()
        .await?
        .expect(204)?;
    view(only.control, bound.task).await?;
    all(only.control, "/api/tasks").await?;
    for request in stand_in.seen() {
        let ours = request.headers.iter().any(|(name, _)| {
            name.starts_with("taskpilot-") || name == "prefer" || name == "idempotency-key"
        });
        ensure!(!ours, "{request:?}");
        if request.is_create() {
            let body = request.json()?;
            let names = body
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str());
            assert_eq!(
                names.collect::<BTreeSet<_>>(),
                BTreeSet::from(["payload", "type"])
            );
        } else {
            ensure!(request.body.is_empty(), "{request:?}");
            ensure!(
                request.is_cancel() || request.method == "GET",
                "{request:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_sent_back_is_null_in_the_view() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    let Bound { task, execution } = start(only.control, "demo", &json!({})).await?;
    assert_eq!(
        view(only.control, task).await?,
        plain_view(execution, "PENDING")
    );
    cancel(only.control, task).await?.expect(204)?;
    assert_eq!(
        view(only.control, task).await?,
        plain_view(execution, "CANCELED")
    );
    Ok(())
}

#[tokio::test]
async fn a_cancel_is_answered_by_the_state_that_the_scheduler_has() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    for (status, told, after) in [
        ("PENDING", None, "CANCELED"),
        ("RUNNING", None, "CANCELED"),
        ("CANCELED", None, "CANCELED"),
        ("SUCCEEDED", Some((409, "execution_conflict")), "SUCCEEDED"),
        ("FAILED", Some((409, "execution_conflict")), "FAILED"),
    ] {
        let Bound { task, execution } = start(only.control, "demo", &json!({})).await?;
        stand_in.amend(execution, &json!({"status": status}))?;
        // A repeat is answered as the first one.
        for _ in 0..2 {
            let reply = cancel(only.control, task).await?;
            match told {
                None => ensure!(reply.expect(204)?.body.is_empty(), "{status}"),
                Some((number, code)) => drop(reply.problem(number, code).context(status)?),
            }
        }
        assert_eq!(
            view(only.control, task).await?,
            plain_view(execution, after)
        );
    }
    let Bound { task, execution } = start(only.control, "demo", &json!({})).await?;
    stand_in.lose(execution);
    let problem = cancel(only.control, task).await?;
    let problem = problem.problem(404, "scheduler_task_not_found")?;
    let detail = format!("Scheduler task not found: {execution}");
    assert_eq!(problem["detail"], detail);
    Ok(())
}

#[tokio::test]
async fn what_is_sent_back_is_shown_and_the_rest_of_it_is_not() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    let Bound { task, execution } = start(only.control, "demo", &json!({})).await?;
    let stamps = json!({
        "status": "SUCCEEDED",
        "scheduledFor": "2026-01-01T00:00:01.000Z",
        "processingStartedAt": "2026-01-01T00:00:01.250Z",
        "completedAt": "2026-01-01T00:00:03.000Z",
        "attemptCount": 1,
        "internalShard": "not for the eyes of users",
    });
    stand_in.amend(execution, &stamps)?;
    let mut expected = plain_view(execution, "SUCCEEDED");
    for member in [
        "scheduledFor",
        "processingStartedAt",
        "completedAt",
        "attemptCount",
    ] {
        expected[member] = stamps[member].clone();
    }
    expected["queueLatencyMs"] = json!(250);
    expected["processingLatencyMs"] = json!(1_750);
    expected["endToEndLatencyMs"] = json!(2_000);
    assert_eq!(view(only.control, task).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_state_of_another_name_is_passed_through() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    let Bound { task, execution } = start(only.control, "demo", &json!({})).await?;
    for name in ["PAUSED", "running", "CANCELLED", "Wartet auf Freigabe"] {
        stand_in.amend(execution, &json!({"status": name}))?;
        assert_eq!(view(only.control, task).await?, plain_view(execution, name));
    }
    Ok(())
}

#[tokio::test]
async fn a_create_of_unknown_fate_is_never_sent_again() -> Result<()> {
    let nonsense = Says::status(200).body("nonsense");
    let no_id = Says::status(201).json(&json!({"id": "x", "status": "PENDING"}));
    let mut cases = JoinSet::new();
    for (name, manner, status) in [
        ("carried out and not answered", Manner::WorksAndHangsUp, 503),
        ("not answered", Manner::HangsUp, 503),
        ("hangs", Manner::Hangs, 503),
        ("500", Says::status(500).into(), 500),
        ("200 with nonsense", nonsense.into(), 500),
        ("201 without an id", no_id.into(), 500),
    ] {
        cases.spawn(async move { never_twice(manner, status).await.context(name) });
    }
    while let Some(case) = cases.join_next().await {
        case??;
    }
    Ok(())
}

/// Whatever comes after it: time, another bind, a restart.
async fn never_twice(manner: Manner, status: u16) -> Result<()> {
    let stand_in = StandIn::start_as(manner.for_creates()).await?;
    let only = ControlOnly::before(&stand_in).await?;
    let id = create_of(only.control, "demo").await?;
    let problem = ask_to_bind(only.control, id).await?.any_problem()?;
    ensure!(
        problem["status"] == status && problem["outcome"] == "unknown",
        "{problem}"
    );
    let stuck = task(only.control, id).await?;
    let lost = stuck["status"] == "BINDING" && stuck["bindError"]["code"] == "unknown_outcome";
    ensure!(lost, "{stuck}");

    stand_in.behave(Manner::Plain);
    ask_to_bind(only.control, id).await?.any_problem()?;
    let bench = only.crash().await?;
    let only = ControlOnly::on(bench, &stand_in.url()).await?;
    ask_to_bind(only.control, id).await?.any_problem()?;
    lasts_for("one create is all", Duration::from_secs(2), || async {
        Ok(stand_in.creates().len() == 1)
    })
    .await?;
    ensure!(
        task(only.control, id).await?["status"] == "BINDING",
        "it was bound"
    );
    Ok(())
}

#[tokio::test]
async fn a_create_that_was_never_sent_is_sent_when_the_scheduler_is_there() -> Result<()> {
    let mut stand_in = StandIn::start().await?;
    stand_in.refuse().await;
    let only = ControlOnly::before(&stand_in).await?;
    let (id, problem) = bind_in_vain(only.control, "demo").await?;
    assert_eq!(problem["outcome"], "not_applied");
    stand_in.listen().await?;
    let bound = task_when(only.control, id, "BOUND").await?;
    assert_eq!(stand_in.creates().len(), 1);
    ensure!(
        stand_in
            .task(bound["schedulerTaskId"].as_i64().unwrap_or(0))
            .is_some(),
        "{bound}"
    );
    Ok(())
}

#[tokio::test]
async fn many_binds_at_once_send_one_create() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    let id = create_of(only.control, "demo").await?;
    let calls: Vec<_> = (0..50)
        .map(|_| tokio::spawn(ask_to_bind(only.control, id)))
        .collect();
    for call in calls {
        let reply = call.await??;
        ensure!(
            reply.status == 200 || reply.status == 201,
            "{} {}",
            reply.status,
            reply.text()
        );
    }
    wait_until("the task is bound", SOON, || async {
        Ok((task(only.control, id).await?["status"] == "BOUND").then_some(()))
    })
    .await?;
    assert_eq!(stand_in.creates().len(), 1);
    Ok(())
}
