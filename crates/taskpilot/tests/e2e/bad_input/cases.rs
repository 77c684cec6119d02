//! Requests that are refused, and a look whether they changed anything.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use taskpilot_e2e::http::{Call, Http};

use crate::api::{active_workers, create_of, everything, start};
use crate::start::Up;

/// A request and how it is to be refused.
pub(super) struct Case {
    name: String,
    call: Call,
    status: u16,
    code: &'static str,
    field: Option<String>,
}

impl Case {
    pub(super) fn new(
        name: impl Into<String>,
        call: Call,
        status: u16,
        code: &'static str,
    ) -> Self {
        Self {
            name: name.into(),
            call,
            status,
            code,
            field: None,
        }
    }

    pub(super) fn field(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }
}

/// Sends each, and looks whether anything is other than before.
pub(super) async fn refuses_all(up: &Up, cases: Vec<Case>) -> Result<()> {
    let before = everything(up.control, up.scheduler).await?;
    for case in cases {
        let reply = case.call.send().await.context(case.name.clone())?;
        let problem = reply
            .problem(case.status, case.code)
            .context(case.name.clone())?;
        ensure!(
            reply.header("x-request-id") == problem["requestId"].as_str(),
            "{}: {problem} does not have the id of {:?}",
            case.name,
            reply.headers
        );
        if let Some(field) = case.field {
            ensure!(
                problem["field"] == field,
                "{}: {field} is not in {problem}",
                case.name
            );
        }
    }
    assert_eq!(everything(up.control, up.scheduler).await?, before);
    Ok(())
}

/// A service with a task of each kind that bad input could hit.
pub(super) async fn with_something_to_change() -> Result<(Up, i64, i64)> {
    let up = Up::start().await?;
    active_workers(up.scheduler, 1).await?;
    let unbound = create_of(up.control, "nobody-handles-this").await?;
    let bound = start(up.control, "nobody-handles-this", &json!({})).await?;
    Ok((up, unbound, bound.task))
}

/// Where bodies are taken, on both services, for an unbound and a bound task.
pub(super) fn places(up: &Up, unbound: i64, bound: i64) -> Vec<(&'static str, Http, String)> {
    vec![
        ("create", up.control, "/api/tasks".into()),
        (
            "bind",
            up.control,
            format!("/api/tasks/{unbound}/scheduler"),
        ),
        (
            "withdraw",
            up.control,
            format!("/api/tasks/{unbound}/cancel"),
        ),
        (
            "cancel",
            up.control,
            format!("/api/tasks/{bound}/execution/cancel"),
        ),
        ("execution", up.scheduler, "/tasks".into()),
        ("execution cancel", up.scheduler, "/tasks/1/cancel".into()),
        ("creates", up.control, "/api/tasks/batch".into()),
        ("batch", up.scheduler, "/tasks/batch".into()),
        ("worker", up.scheduler, "/v1/workers".into()),
    ]
}

pub(super) fn call(server: Http, path: &str) -> Call {
    let method = if path.ends_with("cancel") {
        "PUT"
    } else {
        "POST"
    };
    server.call(method, path)
}
