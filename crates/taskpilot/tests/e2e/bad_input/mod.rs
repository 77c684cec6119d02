//! Bad input of every kind: it is named in a problem document, and changes nothing.

mod addresses;
mod bodies;
mod options;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use taskpilot_e2e::http::{Call, Http};
use taskpilot_e2e::workbench::Workbench;

use crate::api::{active_workers, create, create_of, everything, start, start_until, view_when};
use crate::start::{Up, up};

/// A request and how it is to be refused.
struct Case {
    name: String,
    call: Call,
    status: u16,
    code: &'static str,
    field: Option<String>,
}

impl Case {
    fn new(name: impl Into<String>, call: Call, status: u16, code: &'static str) -> Self {
        Self {
            name: name.into(),
            call,
            status,
            code,
            field: None,
        }
    }

    fn field(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }
}

/// Sends each, and looks whether anything is other than before.
async fn refuses_all(up: &Up, cases: Vec<Case>) -> Result<()> {
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
async fn with_something_to_change() -> Result<(Up, i64, i64)> {
    let up = Up::start().await?;
    active_workers(up.scheduler, 1).await?;
    let unbound = create_of(up.control, "nobody-handles-this").await?;
    let bound = start(up.control, "nobody-handles-this", &json!({})).await?;
    Ok((up, unbound, bound.task))
}

/// Where bodies are taken, on both services, for an unbound and a bound task.
fn places(up: &Up, unbound: i64, bound: i64) -> Vec<(&'static str, Http, String)> {
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
        ("batch", up.scheduler, "/tasks/batch".into()),
        ("worker", up.scheduler, "/v1/workers".into()),
    ]
}

fn call(server: Http, path: &str) -> Call {
    let method = if path.ends_with("cancel") {
        "PUT"
    } else {
        "POST"
    };
    server.call(method, path)
}

#[tokio::test]
async fn no_log_line_has_a_payload_in_it() -> Result<()> {
    const SECRET: &str = "only-for-the-handler";
    let bench = Workbench::new()?;
    let process = up(&bench).env("TASKPILOT_LOG", "debug").spawn("up")?;
    let up = Up::when_ready(process, bench).await?;
    let ends = [
        ("quick", "SUCCEEDED"),
        ("fails", "FAILED"),
        ("demo", "SUCCEEDED"),
    ];
    for (kind, status) in ends {
        let body = json!({"type": kind, "payload": SECRET, "labels": {"k": SECRET}, "bind": true,
            "execution": {"maxAttempts": 1}});
        let id = create(up.control, &body).await?;
        view_when(up.control, id, "status", status).await?;
    }
    let bound = start_until(up.control, "gate", &json!({}), "RUNNING").await?;
    for (_, server, path) in places(&up, 1, bound.task) {
        for text in [
            format!("{{\"payload\": \"{SECRET}\""),
            format!("{{\"type\": 1, \"payload\": \"{SECRET}\", \"{SECRET}\": 1}}"),
            format!("\"{SECRET}\""),
        ] {
            let refused = call(server, &path).json_text(text).send().await?;
            ensure!((400..500).contains(&refused.status), "{}", refused.text());
        }
    }
    up.scheduler.get("/tasks/4").send().await?.expect(200)?;
    let log = up.process.stderr()?;
    ensure!(log.contains("DEBUG"), "nothing was logged: {log}");
    let told = log.lines().find(|line| line.contains(SECRET));
    ensure!(told.is_none(), "{told:?}");
    Ok(())
}
