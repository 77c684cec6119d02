//! Every answer of a scheduler, and none at all, as the control plane tells it to its caller.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::{Http, Reply};
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};
use taskpilot_e2e::wait::SOON;

use crate::api::{Bound, ask_to_bind, cancel, start, task, view};
use crate::start::ControlOnly;

/// Stands in every raw answer, and in no answer of ours.
const SECRET: &str = "stack-trace-of-the-scheduler";

/// What the caller is told.
struct Told {
    status: u16,
    code: &'static str,
    detail: Option<String>,
    outcome: Option<&'static str>,
    retryable: bool,
    retry_after: Option<&'static str>,
}

fn error() -> Told {
    Told {
        status: 500,
        code: "scheduler_error",
        detail: None,
        outcome: None,
        retryable: false,
        retry_after: None,
    }
}

impl Told {
    fn outcome(self, outcome: &'static str) -> Self {
        Self {
            outcome: Some(outcome),
            ..self
        }
    }

    fn retry_after(self, seconds: &'static str) -> Self {
        Self {
            retryable: true,
            retry_after: Some(seconds),
            ..self
        }
    }

    fn conflict() -> Self {
        Self {
            status: 409,
            code: "execution_conflict",
            detail: Some("Task cannot be canceled in its current state.".into()),
            ..error().outcome("not_applied")
        }
    }

    fn not_found(execution: i64) -> Self {
        Self {
            status: 404,
            code: "scheduler_task_not_found",
            detail: Some(format!("Scheduler task not found: {execution}")),
            ..error().outcome("not_applied")
        }
    }

    fn agrees(&self, name: &str, reply: &Reply) -> Result<()> {
        let problem = reply
            .problem(self.status, self.code)
            .with_context(|| name.to_owned())?;
        let outcome = problem["outcome"].as_str().unwrap_or_default();
        ensure!(
            self.detail
                .as_ref()
                .is_none_or(|detail| problem["detail"] == **detail)
                && ["not_applied", "unknown"].contains(&outcome)
                && self.outcome.is_none_or(|expected| outcome == expected)
                && problem["retryable"] == self.retryable
                && reply.header("retry-after") == self.retry_after,
            "{name}: {problem}, Retry-After {:?}",
            reply.header("retry-after")
        );
        leaks_nothing(name, reply)
    }
}

fn leaks_nothing(name: &str, reply: &Reply) -> Result<()> {
    let leaks = reply.text().contains(SECRET)
        || reply
            .headers
            .iter()
            .any(|(header, value)| header == "x-internal" || value.contains(SECRET));
    ensure!(
        !leaks,
        "{name}: the raw answer leaks: {} {:?}",
        reply.text(),
        reply.headers
    );
    Ok(())
}

/// An answer full of what nobody else may see.
fn says(status: u16) -> Says {
    let body = json!({"error": SECRET, "detail": SECRET, "code": SECRET, "outcome": SECRET});
    Says::status(status)
        .header("X-Internal", SECRET)
        .json(&body)
}

/// A control plane with a task that is bound to an execution of a stand-in.
async fn bound_to_a_stand_in() -> Result<(StandIn, ControlOnly, Bound)> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    let bound = start(only.control, "demo", &json!({})).await?;
    Ok((stand_in, only, bound))
}

#[tokio::test]
async fn any_success_of_a_cancel_is_success_and_its_body_is_not_read() -> Result<()> {
    let (stand_in, only, bound) = bound_to_a_stand_in().await?;
    let raw = |text: &str| Manner::Bytes(text.as_bytes().to_vec());
    for (name, manner) in [
        ("200 with the execution", Manner::Plain),
        (
            "200 with nonsense",
            says(200).body("<html>nonsense</html>").into(),
        ),
        (
            "200 with JSON that is cut",
            says(200).body("{\"id\":").into(),
        ),
        ("200 with nothing", Says::status(200).into()),
        ("202", says(202).into()),
        ("204", Says::status(204).into()),
        ("299", says(299).into()),
        (
            "a body that is cut",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"id\":"),
        ),
        (
            "chunks that are none",
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ),
    ] {
        stand_in.behave(manner);
        let reply = cancel(only.control, bound.task).await?;
        let reply = reply.expect(204).with_context(|| name.to_owned())?;
        assert!(reply.body.is_empty(), "{name}");
        leaks_nothing(name, &reply)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_success_whose_body_never_ends_is_success() -> Result<()> {
    let (stand_in, only, bound) = bound_to_a_stand_in().await?;
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"id\":";
    stand_in.behave(Manner::BytesAndHangs(head.into()));
    cancel(only.control, bound.task).await?.expect(204)?;
    Ok(())
}

#[tokio::test]
async fn a_refusal_of_a_cancel_is_told_by_its_status_whatever_becomes_of_its_body() -> Result<()> {
    let (stand_in, only, bound) = bound_to_a_stand_in().await?;
    for (status, code) in [
        (409, "execution_conflict"),
        (404, "scheduler_task_not_found"),
    ] {
        let head = format!("HTTP/1.1 {status} No\r\nContent-Length: 99\r\n\r\n{{");
        for manner in [
            Manner::Bytes(head.clone().into()),
            Manner::BytesAndHangs(head.into()),
        ] {
            stand_in.behave(manner);
            let refused = cancel(only.control, bound.task).await?;
            assert_eq!(refused.problem(status, code)?["outcome"], "not_applied");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_answer_to_a_cancel_that_is_no_success_is_translated() -> Result<()> {
    let (stand_in, only, bound) = bound_to_a_stand_in().await?;
    let elsewhere = StandIn::start_as(Says::status(200).into()).await?;
    let moved = |status| says(status).header("Location", format!("{}/tasks/1", elsewhere.url()));
    for (name, says, told) in [
        ("409", says(409), Told::conflict()),
        ("404", says(404), Told::not_found(bound.execution)),
        ("400", says(400), error().outcome("not_applied")),
        ("401", says(401), error().outcome("not_applied")),
        ("403", says(403), error().outcome("not_applied")),
        ("405", says(405), error().outcome("not_applied")),
        ("410", says(410), error().outcome("not_applied")),
        ("418", says(418), error().outcome("not_applied")),
        ("422", says(422), error().outcome("not_applied")),
        ("301", moved(301), error()),
        ("302", moved(302), error()),
        ("303", moved(303), error()),
        ("307", moved(307), error()),
        ("308", moved(308), error()),
        ("500", says(500), error().outcome("unknown")),
        ("501", says(501), error().outcome("unknown")),
        ("502", says(502), error().outcome("unknown")),
        ("504", says(504), error().outcome("unknown")),
        (
            "429",
            says(429).header("Retry-After", "7"),
            error().outcome("not_applied").retry_after("7"),
        ),
        (
            "503",
            says(503).header("Retry-After", "9"),
            error().outcome("not_applied").retry_after("9"),
        ),
    ] {
        stand_in.behave(says.into());
        told.agrees(name, &cancel(only.control, bound.task).await?)?;
    }
    assert_eq!(elsewhere.seen(), [], "a redirect was followed");
    Ok(())
}

#[tokio::test]
async fn no_answer_to_a_cancel_is_unavailable_and_says_whether_it_may_have_worked() -> Result<()> {
    let (mut stand_in, only, bound) = bound_to_a_stand_in().await?;
    let bytes = |text: &str| Manner::Bytes(text.as_bytes().to_vec());
    for (name, manner) in [
        ("the connection is closed", Manner::HangsUp),
        (
            "carried out, and the connection is closed",
            Manner::WorksAndHangsUp,
        ),
        (
            "bytes of another protocol",
            bytes("SSH-2.0-OpenSSH_9.9\r\n"),
        ),
        ("a head that is cut", bytes("HTTP/1.1 200 O")),
    ] {
        stand_in.behave(manner);
        unavailable(name, "unknown", &cancel(only.control, bound.task).await?)?;
    }
    stand_in.refuse().await;
    unavailable(
        "refused",
        "not_applied",
        &cancel(only.control, bound.task).await?,
    )?;
    stand_in.listen().await?;
    stand_in.behave(Manner::Plain);
    cancel(only.control, bound.task).await?.expect(204)?;
    Ok(())
}

#[tokio::test]
async fn a_scheduler_that_hangs_is_given_up_in_time() -> Result<()> {
    let (stand_in, only, bound) = bound_to_a_stand_in().await?;
    stand_in.behave(Manner::Hangs);
    let reply = cancel(only.control, bound.task);
    // Five seconds overall, and as many again and more for a busy machine.
    let reply = tokio::time::timeout(SOON, reply).await??;
    unavailable("hangs", "unknown", &reply)?;
    // A stuck scheduler is the scheduler's: the control plane answers for itself.
    task(only.control, bound.task).await?;
    Ok(())
}

fn unavailable(name: &str, outcome: &str, reply: &Reply) -> Result<()> {
    let problem = reply
        .problem(503, "scheduler_unavailable")
        .with_context(|| name.to_owned())?;
    assert_eq!(
        (&problem["outcome"], &problem["retryable"]),
        (&json!(outcome), &json!(true)),
        "{name}"
    );
    let seconds = reply.header("retry-after").unwrap_or_default();
    ensure!(
        seconds.parse::<u32>().is_ok(),
        "{name}: Retry-After {seconds:?}"
    );
    Ok(())
}

#[tokio::test]
async fn every_answer_to_a_read_of_the_execution_is_translated() -> Result<()> {
    let (mut stand_in, only, bound) = bound_to_a_stand_in().await?;
    let healthy = view(only.control, bound.task).await?;
    for (name, says, told) in [
        ("404", says(404), Told::not_found(bound.execution)),
        ("400", says(400), error()),
        (
            "302",
            says(302).header("Location", format!("{}/tasks/1", stand_in.url())),
            error(),
        ),
        ("500", says(500), error()),
        (
            "429",
            says(429).header("Retry-After", "7"),
            error().retry_after("7"),
        ),
        (
            "503",
            says(503).header("Retry-After", "9"),
            error().retry_after("9"),
        ),
        (
            "200 with nonsense",
            says(200).body("<html>nonsense</html>"),
            error(),
        ),
        (
            "200 with JSON that is cut",
            says(200).body("{\"id\":4001,\"stat"),
            error(),
        ),
        ("200 with other JSON", says(200).body("[1,2,3]"), error()),
        (
            "200 with another execution",
            other_execution(bound.execution),
            error(),
        ),
    ] {
        stand_in.behave(says.into());
        told.agrees(name, &read(only.control, bound.task).await?)?;
    }
    stand_in.behave(Manner::HangsUp);
    let reply = read(only.control, bound.task).await?;
    ensure!(
        reply.problem(503, "scheduler_unavailable")?["retryable"] == true,
        "closed"
    );
    stand_in.refuse().await;
    unavailable(
        "refused",
        "not_applied",
        &read(only.control, bound.task).await?,
    )?;
    stand_in.listen().await?;
    stand_in.behave(Manner::Plain);
    assert_eq!(view(only.control, bound.task).await?, healthy);
    Ok(())
}

fn other_execution(execution: i64) -> Says {
    Says::status(200).json(&json!({"id": execution + 1, "status": "RUNNING"}))
}

async fn read(control: Http, task: i64) -> Result<Reply> {
    control
        .get(&format!("/api/tasks/{task}/execution"))
        .send()
        .await
}

#[tokio::test]
async fn a_create_that_is_refused_for_good_leaves_the_task_unbound() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    for status in [400, 401, 403, 404, 405, 409, 410, 418, 422] {
        stand_in.behave(Manner::from(says(status)).for_creates());
        let id = crate::api::create_of(only.control, "demo").await?;
        let reply = ask_to_bind(only.control, id).await?;
        error()
            .outcome("not_applied")
            .agrees(&format!("{status}"), &reply)?;
        let refused = task(only.control, id).await?;
        assert_eq!(
            (&refused["status"], &refused["schedulerTaskId"]),
            (&json!("PENDING"), &Value::Null)
        );
        assert_eq!(
            refused["bindError"]["code"], "scheduler_error",
            "{status}: {refused}"
        );
        ensure!(!refused.to_string().contains(SECRET), "{status}: {refused}");
        // It is as before, and can be bound.
        stand_in.behave(Manner::Plain);
        crate::api::bind(only.control, id, &json!({})).await?;
        assert_eq!(task(only.control, id).await?.get("bindError"), None);
    }
    Ok(())
}
