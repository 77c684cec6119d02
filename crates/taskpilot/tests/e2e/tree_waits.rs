//! `task cancel --cascade --wait`: the wait for a whole tree, and the code of its worst end.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::taskpilot::Taskpilot;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{Bound, bind, create, start, view, view_when};
use crate::cancel_waits::{claimed, command, json_lines, waited};
use crate::families::{child_of, crowd};
use crate::fleet::Fleet;
use crate::start::Up;

const CASCADE: &str = "--cascade --wait";

async fn statuses(up: &Up, tasks: &[Bound]) -> Result<Vec<(Value, Value)>> {
    let mut told = Vec::new();
    for bound in tasks {
        let view = view(up.control, bound.task).await?;
        told.push((view["status"].clone(), view["stop"]["status"].clone()));
    }
    Ok(told)
}

#[tokio::test]
async fn a_wait_for_a_tree_ends_when_nothing_of_it_runs() -> Result<()> {
    let up = Up::start().await?;
    let root = start(up.control, "polite", &json!({})).await?;
    let over = child_of(up.control, root.task, "quick").await?;
    view_when(up.control, over.task, "status", "SUCCEEDED").await?;
    let child = child_of(up.control, root.task, "gate").await?;
    // It ends last, when its grace is over.
    let slow = json!({"type": "stubborn-tree", "payload": "hello", "parentTaskId": child.task});
    let slow = create(up.control, &slow).await?;
    let grace = json!({"cancelGraceMs": 1_500});
    let grandchild = Bound {
        task: slow,
        execution: bind(up.control, slow, &grace).await?,
    };
    // Below what has ended, too.
    let nephew = child_of(up.control, over.task, "polite").await?;
    for bound in [root, child, grandchild, nephew] {
        up.bench.begun(bound.execution).await?;
    }
    // No slot is left for it.
    let waiting = child_of(up.control, nephew.task, "quick").await?;

    let ended = waited(&up.bench, up.control, (root.task, CASCADE), 0).await?;
    assert_eq!(up.bench.processes()?, [], "{ended:?}");
    let (canceled, stopped) = (json!("CANCELED"), json!("STOPPED"));
    let stopped = (canceled.clone(), stopped);
    let all = statuses(&up, &[root, child, grandchild, nephew, waiting, over]).await?;
    let expected = [
        stopped.clone(),
        stopped.clone(),
        stopped.clone(),
        stopped,
        (canceled, json!("NOT_NEEDED")),
        (json!("SUCCEEDED"), json!(null)),
    ];
    assert_eq!(all, expected);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    ensure!(lines[0].starts_with("requested 0 ms, "), "{ended:?}");
    ensure!(lines[1].contains("canceled, stop STOPPED"), "{ended:?}");
    let below = "below it: 4 canceled (3 stopped, 1 did not run), 1 had ended";
    assert_eq!(lines[2..], [below], "{ended:?}");

    let options = (root.task, "--cascade --wait --json");
    let ended = waited(&up.bench, up.control, options, 0).await?;
    let lines = json_lines(&ended.stdout)?;
    let [.., below, last] = &lines[..] else {
        anyhow::bail!("too little is told: {ended:?}");
    };
    let counts = json!({"below": {"tasks": 5, "canceled": 4, "ended": 1, "open": 0, "unknown": 0,
        "more": false, "stops": {"STOPPED": 3, "NOT_NEEDED": 1}}});
    assert_eq!(below, &counts);
    assert_eq!(last, &view(up.control, root.task).await?);
    Ok(())
}

#[tokio::test]
async fn a_cancel_of_many_takes_nothing_with_it_and_says_so() -> Result<()> {
    let up = Up::start().await?;
    let mut roots = Vec::new();
    for _ in 0..2 {
        roots.push(start(up.control, "nobody-handles-this", &json!({})).await?);
    }
    let many = format!("{} --cascade", roots[1].task);
    let ended = waited(&up.bench, up.control, (roots[0].task, &many), 2).await?;
    ensure!(
        ended.stderr.contains("--cascade is for one task"),
        "{ended:?}"
    );
    let told = statuses(&up, &roots).await?;
    let waits = (json!("PENDING"), json!(null));
    assert_eq!(told, [waits.clone(), waits]);
    Ok(())
}

#[tokio::test]
async fn a_wait_for_a_tree_is_for_all_of_it_however_many_there_are() -> Result<()> {
    let up = Up::start().await?;
    let root = start(up.control, "nobody-handles-this", &json!({})).await?;
    // More than a page, and more than are looked at when the time is over.
    for count in [1_000, 50] {
        crowd(up.control, root.task, count).await?;
    }
    let ended = waited(&up.bench, up.control, (root.task, CASCADE), 0).await?;
    let below = "below it: 1050 canceled (1050 did not run)";
    assert_eq!(ended.stdout.lines().last(), Some(below), "{ended:?}");
    let open = up.scheduler.get("/tasks?state=PENDING").send().await?;
    assert_eq!(open.expect(200)?.json()?["items"], json!([]));
    let alone = start(up.control, "nobody-handles-this", &json!({})).await?;
    let ended = waited(&up.bench, up.control, (alone.task, CASCADE), 0).await?;
    let below = "nothing is bound below it";
    assert_eq!(ended.stdout.lines().last(), Some(below), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn what_nobody_can_prove_below_is_the_end_of_the_tree() -> Result<()> {
    let fleet = Fleet::with_lease_ms(3_000)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let root = start(fleet.control(), "nobody-handles-this", &json!({})).await?;
    let worker = fleet.start_worker("killed")?;
    let child = child_of(fleet.control(), root.task, "polite").await?;
    fleet.bench.begun(child.execution).await?;
    worker.crash().await?;
    let options = (root.task, "--cascade --wait=30s");
    let ended = waited(&fleet.bench, fleet.control(), options, 12).await?;
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let named = format!(
        "task {} canceled, stop PRESUMED: its worker is gone, and nobody can prove that the work has ended",
        child.task
    );
    let expected = ["below it: 1 canceled (1 presumed)", named.as_str()];
    assert_eq!(lines[2..], expected, "{ended:?}");
    Ok(())
}

async fn ended_with(mut cancel: Taskpilot, code: i32) -> Result<String> {
    let ended = cancel.ended(SOON).await?.code();
    let told = cancel.stdout()?;
    ensure!(ended == Some(code), "{code} expected, {ended:?}: {told}");
    Ok(told)
}

#[tokio::test]
async fn what_is_not_ended_below_is_named_whether_the_time_is_over_or_it_is_stuck() -> Result<()> {
    let up = Up::start().await?;
    let root = start(up.control, "nobody-handles-this", &json!({})).await?;
    let child = child_of(up.control, root.task, "played").await?;
    let (path, token, grant) = claimed(up.scheduler, "played").await?;
    let options = (root.task, "--cascade --wait=3s");
    let ended = waited(&up.bench, up.control, options, 6).await?;
    let below: Vec<&str> = ended.stdout.lines().skip(2).collect();
    assert_eq!(below[0], "below it: 1 canceled (1 requested)", "{ended:?}");
    let named = format!(
        "task {} canceled, stop REQUESTED: the wait ran out; the work ends by ",
        child.task
    );
    ensure!(below[1].starts_with(&named), "{ended:?}");

    let cancel = format!("task cancel {} {CASCADE}", root.task);
    let cancel = command(&up.bench, up.control, &cancel).spawn("cancel")?;
    wait_until("it waits for what is below", SOON, || async {
        Ok(cancel.stdout()?.contains("stop NOT_NEEDED").then_some(()))
    })
    .await?;
    let item = json!({"executionId": grant["executionId"], "attempt": grant["attempt"],
        "token": grant["token"], "stage": "stuck"});
    let stops = up.scheduler.post(&format!("{path}/stops"));
    let stops = stops.json(&json!({ "items": [item] }));
    let said = stops.header("TaskPilot-Session-Token", &token).send();
    said.await?.expect(200)?;
    let told = ended_with(cancel, 13).await?;
    let named = format!(
        "task {} canceled, stop STUCK: it could not be ended in time and may still run",
        child.task
    );
    let last = told.lines().last().context("nothing is told")?;
    assert_eq!(last, named, "{told}");
    Ok(())
}
