//! Trees of tasks: a cancel that cascades reaches every process of it, and whatever joins it later.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::{Http, Reply};
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{Bound, bind, create, view, view_when};
use crate::fleet::Fleet;
use crate::start::{Up, launch};

/// Creates a task below another and binds it.
pub(crate) async fn child_of(control: Http, parent: i64, kind: &str) -> Result<Bound> {
    let body = json!({"type": kind, "payload": "hello", "parentTaskId": parent});
    let task = create(control, &body).await?;
    let execution = bind(control, task, &json!({})).await?;
    Ok(Bound { task, execution })
}

async fn root_of(control: Http, kind: &str) -> Result<Bound> {
    crate::api::start(control, kind, &json!({})).await
}

async fn cascade(control: Http, task: i64) -> Result<Reply> {
    let path = format!("/api/tasks/{task}/execution/cancel");
    let body = json!({"cascade": true, "reason": "all of it"});
    control.put(&path).json(&body).send().await
}

pub(crate) fn is_by_parent(view: &Value) -> Result<()> {
    let cancel = &view["cancel"];
    let told = (
        &view["status"],
        &view["stop"]["cause"],
        &cancel["reason"],
        &cancel["requestedBy"],
    );
    let expected = (
        &json!("CANCELED"),
        &json!("PARENT"),
        &json!("all of it"),
        &json!("local"),
    );
    ensure!(told == expected, "{view}");
    Ok(())
}

#[tokio::test]
async fn a_cascade_ends_every_process_of_a_tree_and_whatever_joins_it_later() -> Result<()> {
    let up = Up::start().await?;
    let root = root_of(up.control, "polite").await?;
    let child = child_of(up.control, root.task, "gate").await?;
    let sibling = child_of(up.control, root.task, "stubborn-tree").await?;
    let grandchild = child_of(up.control, child.task, "polite").await?;
    for bound in [root, child, sibling, grandchild] {
        up.bench.begun(bound.execution).await?;
    }
    // No slot is left for it.
    let waiting = child_of(up.control, grandchild.task, "quick").await?;
    let outsider = root_of(up.control, "nobody-handles-this").await?;

    cascade(up.control, root.task).await?.expect(204)?;
    for bound in [child, sibling, grandchild, waiting] {
        view_when(up.control, bound.task, "status", "CANCELED").await?;
    }
    up.bench.deserted().await?;
    let root_view = view(up.control, root.task).await?;
    assert_eq!(root_view["stop"]["cause"], "USER");
    for bound in [child, sibling, grandchild, waiting] {
        is_by_parent(&view(up.control, bound.task).await?)?;
    }
    let stops = async |bound: Bound| {
        let view = view(up.control, bound.task).await?;
        anyhow::Ok(view["stop"]["status"].clone())
    };
    for bound in [root, child, sibling, grandchild] {
        assert_eq!(stops(bound).await?, "STOPPED");
    }
    assert_eq!(stops(waiting).await?, "NOT_NEEDED");
    assert_eq!(up.bench.ledger().of(waiting.execution)?, []);
    assert_eq!(view(up.control, outsider.task).await?["status"], "PENDING");

    let born = child_of(up.control, grandchild.task, "quick").await?;
    is_by_parent(&view(up.control, born.task).await?)?;
    assert_eq!(up.bench.ledger().of(born.execution)?, []);
    shows_the_tree(&up, [root, child, sibling, grandchild, waiting, born]).await
}

async fn shows_the_tree(up: &Up, tasks: [Bound; 6]) -> Result<()> {
    let tree = async |more: &[&str]| {
        let id = tasks[0].task.to_string();
        let launch = launch(&up.bench)
            .args(["task", "tree", &id])
            .args(more.iter().copied())
            .env("TASKPILOT_URL", up.control.url());
        let shown = launch.run().await?;
        ensure!(shown.code == Some(0), "{shown:?}");
        anyhow::Ok(shown.stdout)
    };
    let [root, child, sibling, grandchild, waiting, born] = tasks.map(|bound| bound.task);
    let text = tree(&[]).await?;
    let lines: Vec<&str> = text.lines().collect();
    let places = [
        format!("{root} polite"),
        format!("├─ {child} gate"),
        format!("│  └─ {grandchild} polite"),
        format!("│     ├─ {waiting} quick"),
        format!("│     └─ {born} quick"),
        format!("└─ {sibling} stubborn-tree"),
    ];
    assert_eq!(lines.len(), places.len(), "{text}");
    for (line, place) in lines.iter().zip(places) {
        ensure!(line.starts_with(&place), "{place}: {text}");
        ensure!(line.contains("CANCELED, stop "), "{line}");
    }
    let told: Value = serde_json::from_str(&tree(&["--json"]).await?)?;
    let deepest = &told["children"][0]["children"][0]["children"][1];
    assert_eq!(deepest["id"], born);
    assert_eq!(deepest["execution"]["status"], "CANCELED");
    Ok(())
}

/// Many children, which nobody handles.
pub(crate) async fn crowd(control: Http, parent: i64, count: usize) -> Result<()> {
    let child = json!({
        "type": "nobody-handles-this", "parentTaskId": parent, "bind": true,
        "execution": {"scheduledFor": "2034-01-01T00:00:00.000Z"},
    });
    let batch = json!({"items": vec![child; count]});
    let answer = control.post("/api/tasks/batch").json(&batch).send().await?;
    let answer = answer.expect(200)?.json()?;
    let items = answer["items"].as_array().context("no items")?;
    let is_bound = |item: &&Value| item["task"]["status"] == "BOUND";
    ensure!(items.iter().filter(is_bound).count() == count, "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_scheduler_that_is_killed_after_the_verdict_decides_the_rest_when_it_is_back()
-> Result<()> {
    let fleet = Fleet::new()?;
    let scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let root = root_of(fleet.control(), "nobody-handles-this").await?;
    let middle = child_of(fleet.control(), root.task, "nobody-handles-this").await?;
    crowd(fleet.control(), root.task, 400).await?;
    crowd(fleet.control(), middle.task, 400).await?;
    cascade(fleet.control(), root.task).await?.expect(204)?;
    scheduler.crash().await?;
    let _scheduler = fleet.start_scheduler().await?;
    wait_until("all of the tree is decided", SOON, || async {
        let open = fleet.scheduler().get("/tasks?state=PENDING").send().await?;
        let open = open.expect(200)?.json()?;
        Ok((open["items"] == json!([])).then_some(()))
    })
    .await?;
    let list = "/tasks?state=CANCELED";
    let canceled = crate::api::all(fleet.scheduler(), list).await?;
    assert_eq!(canceled.len(), 802);
    is_by_parent(&view(fleet.control(), middle.task).await?)
}
