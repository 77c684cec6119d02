//! What must not stand in a log.

use anyhow::{Result, ensure};
use serde_json::json;
use taskpilot_e2e::workbench::Workbench;

use super::cases::{call, places};
use crate::api::{create, start_until, view_when};
use crate::start::{Up, up};

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
