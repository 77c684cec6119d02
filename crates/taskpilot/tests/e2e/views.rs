//! What the execution view tells: where the time went, what came out, and what went wrong.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use taskpilot_e2e::ledger::Mark;

use crate::api::{create, id_of, start, start_until, view, view_when};
use crate::start::Up;

fn instant(view: &Value, member: &str) -> Result<i64> {
    let text = view[member]
        .as_str()
        .with_context(|| format!("no {member} in {view}"))?;
    // RFC 3339, UTC, milliseconds: always of this length.
    ensure!(
        text.len() == "2026-01-01T00:00:00.000Z".len() && text.ends_with('Z'),
        "{text}"
    );
    Ok(text.parse::<Timestamp>()?.as_millisecond())
}

#[tokio::test]
async fn latencies_are_the_differences_of_the_stamps() -> Result<()> {
    let up = Up::start().await?;
    let waiting = start(up.control, "nobody-handles-this", &json!({})).await?;
    let waiting = view(up.control, waiting.task).await?;
    for member in [
        "queueLatencyMs",
        "processingLatencyMs",
        "endToEndLatencyMs",
        "completedAt",
    ] {
        assert_eq!(waiting[member], Value::Null, "{member}");
    }
    let bound = start_until(up.control, "gate", &json!({}), "RUNNING").await?;
    let running = view(up.control, bound.task).await?;
    let queued = instant(&running, "processingStartedAt")? - instant(&running, "scheduledFor")?;
    assert_eq!(running["queueLatencyMs"], queued);
    assert_eq!(running["processingLatencyMs"], Value::Null);
    up.bench.open_gate(bound.execution, 1)?;
    let done = view_when(up.control, bound.task, "status", "SUCCEEDED").await?;
    let [scheduled, started, completed] =
        ["scheduledFor", "processingStartedAt", "completedAt"].map(|member| instant(&done, member));
    let (scheduled, started, completed) = (scheduled?, started?, completed?);
    assert_eq!(done["queueLatencyMs"], started - scheduled);
    assert_eq!(done["processingLatencyMs"], completed - started);
    assert_eq!(done["endToEndLatencyMs"], completed - scheduled);
    ensure!(scheduled <= started && started <= completed, "{done}");
    Ok(())
}

#[tokio::test]
async fn a_success_shows_its_result_and_its_attempt() -> Result<()> {
    let up = Up::start().await?;
    let bound = start_until(up.control, "quick", &json!({}), "SUCCEEDED").await?;
    let view = view(up.control, bound.task).await?;
    assert_eq!(view["schedulerTaskId"], bound.execution);
    assert_eq!(
        view["result"],
        json!({"exitCode": 0, "stdout": "\"hello\"", "stderr": "", "truncated": false})
    );
    assert_eq!(
        (&view["attemptCount"], &view["maxAttempts"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(
        (&view["retryState"], &view["phase"]),
        (&json!("COMPLETED"), &Value::Null)
    );
    assert_eq!(
        (&view["cancel"], &view["stop"], &view["lastError"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let attempts = view["attempts"].as_array().context("no attempts")?;
    ensure!(attempts.len() == 1, "{view}");
    assert_eq!(
        (&attempts[0]["attempt"], &attempts[0]["outcome"]),
        (&json!(1), &json!("succeeded"))
    );
    assert_eq!(attempts[0]["workerId"], view["workerId"]);
    let marks = [
        Mark::first("start", bound.execution),
        Mark::first("end", bound.execution),
    ];
    assert_eq!(up.bench.ledger().marks()?, marks);
    Ok(())
}

#[tokio::test]
async fn a_failure_is_tried_again_and_every_attempt_keeps_its_reason() -> Result<()> {
    let up = Up::start().await?;
    let twice = json!({"maxAttempts": 2, "backoff": {"initialMs": 1, "maxMs": 1}});
    let bound = start_until(up.control, "fails", &twice, "FAILED").await?;
    let view = view(up.control, bound.task).await?;
    assert_eq!(
        (&view["attemptCount"], &view["retryState"]),
        (&json!(2), &json!("EXHAUSTED"))
    );
    ensure!(
        view["lastError"]
            .as_str()
            .is_some_and(|error| !error.is_empty()),
        "{view}"
    );
    let attempts = view["attempts"].as_array().context("no attempts")?;
    ensure!(attempts.len() == 2, "{view}");
    for (attempt, number) in attempts.iter().zip(1..) {
        assert_eq!(
            (&attempt["attempt"], &attempt["outcome"]),
            (&json!(number), &json!("failed"))
        );
        assert_eq!(
            (&attempt["exitCode"], &attempt["counted"]),
            (&json!(3), &json!(true))
        );
        assert_eq!(attempt["output"]["stderr"], "the reason of the failure\n");
    }
    let marks = [1, 2].map(|attempt| Mark::of("start", bound.execution, attempt));
    assert_eq!(up.bench.ledger().marks()?, marks);
    Ok(())
}

#[tokio::test]
async fn the_built_in_handlers_do_what_they_are_called() -> Result<()> {
    let up = Up::start().await?;
    let body = |kind: &str| json!({"type": kind, "bind": true, "execution": {"maxAttempts": 1}});
    for (kind, status) in [
        ("demo", "SUCCEEDED"),
        ("demo-fail", "FAILED"),
        ("demo-slow", "RUNNING"),
    ] {
        let reply = up
            .control
            .post("/api/tasks")
            .json(&body(kind))
            .send()
            .await?
            .expect(201)?;
        let id = id_of(&reply.json()?, "id")?;
        view_when(up.control, id, "status", status).await?;
    }
    let unbound = create(up.control, &json!({"type": "demo"})).await?;
    let path = format!("/api/tasks/{unbound}/execution");
    up.control
        .get(&path)
        .send()
        .await?
        .problem(409, "task_not_bound")?;
    Ok(())
}
