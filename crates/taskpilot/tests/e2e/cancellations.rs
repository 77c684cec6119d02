//! Cancels of many, judged by what really runs.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use taskpilot_domain::time::Timestamp;
use taskpilot_e2e::http::Http;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{cancel, create, create_of, id_of, proven_stop, start, view, view_when};
use crate::command_line::{ends, json_of};
use crate::families::{child_of, is_by_parent};
use crate::fleet::Fleet;
use crate::start::{Up, launch};

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
    let dry = json_of(&up, &format!("task cancel {filter} --dry-run --json"), 0).await?;
    assert_eq!(dry["matched"], 302);
    assert_eq!(view(up.control, running[0]).await?["status"], "RUNNING");
    let done = json_of(
        &up,
        &format!("task cancel {filter} --reason enough --json"),
        0,
    )
    .await?;
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
        0,
    )
    .await?;
    assert_eq!(rest["counts"]["already"], 1, "{rest}");
    assert_eq!(rest["counts"]["canceled"], 1, "{rest}");
    Ok(())
}

#[tokio::test]
async fn no_second_has_more_verdicts_than_was_asked_for() -> Result<()> {
    let up = Up::start().await?;
    waiting(up.control, "a", 30).await?;
    let command = "task cancel --filter label=team=a --max-per-second 20 --json";
    let done = json_of(&up, command, 0).await?;
    assert_eq!(
        (&done["maxPerSecond"], &done["total"]),
        (&json!(20), &json!(30))
    );
    let path = format!("/api/cancellations/{}/items?limit=30", done["id"]);
    let items = up.control.get(&path).send().await?.expect(200)?.json()?;
    let mut verdicts: Vec<Timestamp> = Vec::new();
    for item in items["items"].as_array().context("items")? {
        let view = view(up.control, id_of(item, "taskId")?).await?;
        let at = view["cancel"]["requestedAt"]
            .as_str()
            .context("a verdict")?;
        verdicts.push(at.parse()?);
    }
    verdicts.sort_unstable();
    for (first, beyond) in verdicts.iter().zip(&verdicts[20..]) {
        ensure!(beyond.ms_since(*first) >= 1_000, "{verdicts:?}");
    }
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

#[tokio::test]
async fn a_cancellation_is_looked_at_item_by_item() -> Result<()> {
    let up = Up::start().await?;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(
            start(up.control, "nobody-handles-this", &json!({}))
                .await?
                .task,
        );
    }
    cancel(up.control, ids[0]).await?.expect(204)?;
    ids.push(create_of(up.control, "nobody-handles-this").await?);
    ids.push(1_000_000);
    let wish = json!({"ids": ids, "reason": "enough"});
    let begun = up.control.post("/api/cancellations").json(&wish);
    let id = id_of(&begun.send().await?.expect(201)?.json()?, "id")?;

    let done = json_of(&up, &format!("cancellation get {id} --wait --json"), 0).await?;
    let path = format!("/api/cancellations/{id}");
    assert_eq!(done, up.control.get(&path).send().await?.json()?);
    let text = ends(&up, &format!("cancellation get {id}"), 0).await?;
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let rows = [
        "status        COMPLETED",
        "progress      [####################] 5 of 5",
        "about         tasks by id",
        "OUTCOME    TASKS",
        "canceled   2",
        "already    1",
        "not_bound  1",
        "missing    1",
    ];
    for row in rows {
        ensure!(lines.contains(&row), "{row}: {text}");
    }
    let by_outcome = format!("cancellation get {id} --outcome");
    let text = ends(&up, &format!("{by_outcome} canceled"), 0).await?;
    let canceled = format!(
        "TASK  OUTCOME\n{}     canceled\n{}     canceled\n",
        ids[1], ids[2]
    );
    assert_eq!(text, canceled);
    let all = json_of(&up, &format!("{by_outcome} all --json"), 0).await?;
    let items = format!("{path}/items");
    assert_eq!(all, up.control.get(&items).send().await?.json()?);
    let first = json_of(&up, &format!("{by_outcome} all --limit 4 --json"), 0).await?;
    let next = first["next"].as_str().context("no next page")?;
    let rest = format!("{by_outcome} all --after {next} --json");
    let rest = json_of(&up, &rest, 0).await?;
    assert_eq!(rest["items"], json!([all["items"][4]]));

    let list = json_of(&up, "cancellation list --json", 0).await?;
    assert_eq!(list["items"], json!([done]));
    let text = ends(&up, "cancellation list", 0).await?;
    let row = text.lines().nth(1).context("no row")?;
    ensure!(
        row.starts_with(&format!("{id}   COMPLETED  5 of 5 ")),
        "{text}"
    );
    ensure!(row.ends_with("local  tasks by id  enough"), "{text}");
    ends(&up, &format!("cancellation cancel {id}"), 5).await?;
    for command in ["get", "cancel"] {
        ends(&up, &format!("cancellation {command} 1000"), 3).await?;
    }
    ends(&up, &format!("{by_outcome} lost"), 2).await?;
    ends(&up, &format!("cancellation get {id} --limit 3"), 2)
        .await
        .map(drop)
}

#[tokio::test]
async fn a_cancellation_that_waits_for_the_scheduler_can_be_given_up() -> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    waiting(fleet.control(), "a", 300).await?;
    scheduler.crash().await?;
    let wish = json!({"filter": {"labels": {"team": "a"}}});
    let begun = fleet.control().post("/api/cancellations").json(&wish);
    let id = id_of(&begun.send().await?.expect(201)?.json()?, "id")?;
    let ended = async |command: &str, code: i32| {
        let launch = launch(&fleet.bench)
            .args(format!("cancellation {command}").split(' '))
            .env("TASKPILOT_URL", fleet.control().url());
        let ended = launch.run().await?;
        ensure!(
            ended.code == Some(code),
            "{command}: {code} expected: {ended:?}"
        );
        anyhow::Ok(ended)
    };
    let open = ended(&format!("get {id} --wait=100ms"), 6).await?;
    ensure!(
        open.stdout.contains("about         label=team=a"),
        "{open:?}"
    );
    let given_up = ended(&format!("cancel {id}"), 0).await?;
    let said = format!("cancellation {id} given up: 0 of ");
    ensure!(given_up.stdout.starts_with(&said), "{given_up:?}");
    // What was on its way is decided first.
    let _scheduler = fleet.start_scheduler().await?;
    let done = ended(&format!("get {id} --wait"), 5).await?;
    ensure!(done.stdout.contains("status        CANCELED"), "{done:?}");
    let why = format!("error: cancellation {id} was given up\n");
    assert_eq!(done.stderr, why);
    Ok(())
}

#[tokio::test]
async fn those_of_many_that_cancel_their_children_close_their_trees() -> Result<()> {
    let up = Up::start().await?;
    let root = async |team: &str, cancels_children: bool| {
        let options = json!({"cancelChildren": cancels_children});
        let body = json!({"type": "polite", "labels": {"team": team}, "bind": true,
            "execution": options});
        let id = create(up.control, &body).await?;
        view_when(up.control, id, "status", "RUNNING").await?;
        anyhow::Ok(id)
    };
    let (closes, leaves) = (root("a", true).await?, root("a", false).await?);
    let child = child_of(up.control, closes, "stubborn-tree").await?;
    let other = child_of(up.control, leaves, "polite").await?;
    for child in [child, other] {
        up.bench.begun(child.execution).await?;
    }
    // No slot is left for these.
    let grandchild = child_of(up.control, child.task, "quick").await?;
    let spared = child_of(up.control, leaves, "nobody-handles-this").await?;

    let wish = json!({"filter": {"labels": {"team": "a"}}, "reason": "all of it"});
    let begun = up.control.post("/api/cancellations").json(&wish);
    let id = id_of(&begun.send().await?.expect(201)?.json()?, "id")?;
    let path = format!("/api/cancellations/{id}");
    let done = wait_until("both are decided", SOON, || async {
        let read = up.control.get(&path).send().await?.expect(200)?.json()?;
        Ok(read["completedAt"].is_string().then_some(read))
    });
    let done = done.await?;
    let told = (&done["total"], &done["counts"]["canceled"]);
    assert_eq!(told, (&json!(2), &json!(2)), "{done}");
    for id in [closes, leaves] {
        assert_eq!(proven_stop(up.control, id).await?["stop"]["cause"], "BULK");
    }
    for below in [child, grandchild] {
        let canceled = view_when(up.control, below.task, "status", "CANCELED").await?;
        is_by_parent(&canceled)?;
    }
    proven_stop(up.control, child.task).await?;
    assert_eq!(up.bench.ledger().of(grandchild.execution)?, []);
    let born = child_of(up.control, child.task, "quick").await?;
    is_by_parent(&view(up.control, born.task).await?)?;

    for (spared, status) in [(other, "RUNNING"), (spared, "PENDING")] {
        assert_eq!(view(up.control, spared.task).await?["status"], status);
    }
    let late = child_of(up.control, leaves, "quick").await?;
    view_when(up.control, late.task, "status", "SUCCEEDED").await?;
    Ok(())
}
