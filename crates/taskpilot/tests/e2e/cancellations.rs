//! Cancels of many, judged by what really runs.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{create, id_of, view, view_when};
use crate::start::{Up, launch};

/// Runs a command of the command line and reads its JSON.
async fn json_of(up: &Up, command: &str) -> Result<Value> {
    let ended = launch(&up.bench)
        .args(command.split(' '))
        .env("TASKPILOT_URL", up.control.url())
        .run()
        .await?;
    ensure!(ended.code == Some(0), "{command}: {ended:?}");
    serde_json::from_str(&ended.stdout).with_context(|| format!("{command}: {ended:?}"))
}

/// Creates a task of a team, and binds it.
async fn of_team(control: Http, kind: &str, team: &str) -> Result<i64> {
    let body = json!({"type": kind, "labels": {"team": team}, "bind": true});
    create(control, &body).await
}

async fn waiting(control: Http, team: &str, count: usize) -> Result<()> {
    let item = json!({"type": "nobody-handles-this", "labels": {"team": team}, "bind": true});
    let items = vec![item; count];
    let call = control.post("/api/tasks/batch");
    let created = call.json(&json!({"items": items})).send().await?;
    created.expect(200).map(drop)
}

#[tokio::test]
async fn what_runs_and_what_waits_is_canceled_at_one_command() -> Result<()> {
    let up = Up::start().await?;
    let mut running = Vec::new();
    for team in ["a", "a", "b"] {
        let id = of_team(up.control, "gate", team).await?;
        view_when(up.control, id, "status", "RUNNING").await?;
        running.push(id);
    }
    waiting(up.control, "a", 300).await?;
    let filter = "--filter label=team=a";
    let dry = json_of(&up, &format!("task cancel {filter} --dry-run --json")).await?;
    assert_eq!(dry["matched"], 302);
    assert_eq!(view(up.control, running[0]).await?["status"], "RUNNING");
    let done = json_of(&up, &format!("task cancel {filter} --reason enough --json")).await?;
    assert_eq!(
        (&done["status"], &done["total"]),
        (&json!("COMPLETED"), &json!(302))
    );
    assert_eq!(done["counts"]["canceled"], 302, "{done}");
    for id in &running[..2] {
        let view = wait_until("the stop is proven", SOON, || async {
            let view = view(up.control, *id).await?;
            Ok((view["stop"]["status"] == "STOPPED").then_some(view))
        });
        let view = view.await?;
        assert_eq!(view["stop"]["cause"], "BULK");
        assert_eq!(view["cancel"]["reason"], "enough");
    }
    assert_eq!(view(up.control, running[2]).await?["status"], "RUNNING");
    let rest = json_of(
        &up,
        &format!("task cancel {} {} --json", running[0], running[2]),
    )
    .await?;
    assert_eq!(rest["counts"]["already"], 1, "{rest}");
    assert_eq!(rest["counts"]["canceled"], 1, "{rest}");
    Ok(())
}

#[tokio::test]
async fn one_of_many_is_canceled_at_once_while_they_are() -> Result<()> {
    let up = Up::start().await?;
    for _ in 0..3 {
        waiting(up.control, "a", 1_000).await?;
    }
    let single = of_team(up.control, "gate", "b").await?;
    view_when(up.control, single, "status", "RUNNING").await?;
    let wish = json!({"filter": {"labels": {"team": "a"}}});
    let begun = up
        .control
        .post("/api/cancellations")
        .json(&wish)
        .send()
        .await?;
    let id = id_of(&begun.expect(201)?.json()?, "id")?;
    let cancel = format!("/api/tasks/{single}/execution/cancel");
    up.control.put(&cancel).send().await?.expect(204)?;
    let path = format!("/api/cancellations/{id}");
    let done = wait_until("all are decided", 2 * SOON, || async {
        let read = up.control.get(&path).send().await?.expect(200)?.json()?;
        let decided = read["counts"]["canceled"].as_i64();
        ensure!(decided <= read["total"].as_i64(), "{read}");
        Ok(read["completedAt"].is_string().then_some(read))
    });
    let done = done.await?;
    assert_eq!(done["counts"]["canceled"], 3_000, "{done}");
    Ok(())
}
