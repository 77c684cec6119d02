//! `task cancel --wait`: the stages as they happen, and a code for each way in which a stop can end.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::run::{Finished, Launch};
use taskpilot_e2e::stand_in::StandIn;
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_e2e::workbench::Workbench;

use crate::api::{start, start_until, view, view_when};
use crate::fleet::Fleet;
use crate::start::{ControlOnly, Up, launch};

pub(crate) fn command(bench: &Workbench, control: Http, command: &str) -> Launch {
    let launch = launch(bench).args(command.split(' '));
    launch.env("TASKPILOT_URL", control.url())
}

/// Cancels a task, waits, and ends with a code; gives what was told.
pub(crate) async fn waited(
    bench: &Workbench,
    control: Http,
    (task, options): (i64, &str),
    code: i32,
) -> Result<Finished> {
    let ended = command(bench, control, &format!("task cancel {task} {options}"));
    let ended = ended.run().await?;
    ensure!(ended.code == Some(code), "{code} expected: {ended:?}");
    Ok(ended)
}

/// The stages of the first line, in their order, without their times.
fn stages(told: &str) -> Vec<&str> {
    let line = told.lines().next().unwrap_or_default();
    let words = line.split(", ").filter_map(|stage| stage.split(' ').next());
    words.collect()
}

/// What was told line by line, as far as it has come.
pub(crate) fn json_lines(told: &str) -> Result<Vec<Value>> {
    let lines = told.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().context(told.to_owned())
}

#[tokio::test]
async fn the_stages_grow_in_one_line_while_the_work_ends() -> Result<()> {
    let up = Up::start().await?;
    let grace = json!({"cancelGraceMs": 3_000});
    let bound = start_until(up.control, "stubborn-tree", &grace, "RUNNING").await?;
    up.bench.whole_tree().await?;
    let cancel = format!("task cancel {} --wait", bound.task);
    let mut cancel = command(&up.bench, up.control, &cancel).spawn("cancel")?;
    // While it has its grace: the line has no end yet.
    wait_until("the signal is told", SOON, || async {
        Ok(cancel.stdout()?.contains("signaled ").then_some(()))
    })
    .await?;
    let told = cancel.stdout()?;
    ensure!(!told.contains('\n'), "{told}");
    ensure!(
        !up.bench.processes()?.is_empty(),
        "it ended at once: {told}"
    );
    let code = cancel.ended(SOON).await?.code();
    let whole = cancel.stdout()?;
    assert_eq!((code, up.bench.processes()?), (Some(0), vec![]), "{whole}");
    ensure!(whole.starts_with(&told), "{told} became {whole}");
    let expected = ["requested", "delivered", "signaled", "stopped"];
    assert_eq!(stages(&whole), expected, "{whole}");
    let summary = format!("task {} canceled, stop STOPPED (killed)", bound.task);
    assert_eq!(whole.lines().nth(1), Some(summary.as_str()), "{whole}");
    Ok(())
}

#[tokio::test]
async fn with_json_each_stage_is_a_line_when_it_happens_and_the_view_is_the_last() -> Result<()> {
    let up = Up::start().await?;
    let grace = json!({"cancelGraceMs": 3_000});
    let bound = start_until(up.control, "stubborn-tree", &grace, "RUNNING").await?;
    up.bench.whole_tree().await?;
    let cancel = format!("task cancel {} --wait --json", bound.task);
    let mut cancel = command(&up.bench, up.control, &cancel).spawn("cancel")?;
    // While it has its grace.
    wait_until("the signal is told", SOON, || async {
        let told = cancel.stdout()?;
        Ok((told.contains("signaled") && told.ends_with('\n')).then_some(()))
    })
    .await?;
    let before = cancel.stdout()?;
    ensure!(
        !up.bench.processes()?.is_empty(),
        "it ended at once: {before}"
    );
    let code = cancel.ended(SOON).await?.code();
    let whole = cancel.stdout()?;
    assert_eq!(code, Some(0), "{whole}");
    ensure!(whole.starts_with(&before), "{before} became {whole}");
    let lines = json_lines(&whole)?;
    let (last, stages) = lines.split_last().context("nothing is told")?;
    let view = view(up.control, bound.task).await?;
    assert_eq!(last, &view);
    let stop = &view["stop"];
    let expected = [
        ("requested", &stop["requestedAt"]),
        ("delivered", &stop["deliveredAt"]),
        ("signaled", &stop["acknowledgedAt"]),
        ("stopped", &stop["endedAt"]),
    ];
    assert_eq!(stages.len(), expected.len(), "{whole}");
    for (line, (stage, at)) in stages.iter().zip(expected) {
        let told = (&line["taskId"], &line["stage"], &line["at"]);
        assert_eq!(told, (&json!(bound.task), &json!(stage), at), "{whole}");
        ensure!(line["afterMs"].is_u64(), "{line}");
    }
    assert_eq!(json_lines(&before)?, stages[..3], "{before}");
    Ok(())
}

#[tokio::test]
async fn a_stop_is_told_in_the_order_of_its_stages_however_fast_it_is() -> Result<()> {
    let up = Up::start().await?;
    for kind in ["polite", "gate"] {
        let bound = start_until(up.control, kind, &json!({}), "RUNNING").await?;
        up.bench.begun(bound.execution).await?;
        let told = waited(&up.bench, up.control, (bound.task, "--wait"), 0).await?;
        let expected = ["requested", "delivered", "signaled", "stopped"];
        assert_eq!(stages(&told.stdout), expected, "{told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_never_ran_needs_no_proof() -> Result<()> {
    let up = Up::start().await?;
    let bound = start(up.control, "nobody-handles-this", &json!({})).await?;
    let told = waited(&up.bench, up.control, (bound.task, "--wait"), 0).await?;
    let expected = format!(
        "requested 0 ms\ntask {} canceled, stop NOT_NEEDED: nothing ran\n",
        bound.task
    );
    assert_eq!(told.stdout, expected);
    Ok(())
}

#[tokio::test]
async fn a_wait_that_ran_out_says_how_far_it_is_and_until_when() -> Result<()> {
    let up = Up::start().await?;
    let grace = json!({"cancelGraceMs": 60_000});
    let bound = start_until(up.control, "stubborn-tree", &grace, "RUNNING").await?;
    up.bench.whole_tree().await?;
    let options = (bound.task, "--wait=2s --json");
    let ended = waited(&up.bench, up.control, options, 6).await?;
    let told = json_lines(&ended.stdout)?;
    let last = told.last().context("nothing is told")?;
    assert_eq!(last["stop"]["status"], "ACKNOWLEDGED", "{ended:?}");
    // Again, for people: the verdict is old by now, and its stages are told all the same.
    let options = (bound.task, "--wait=0");
    let ended = waited(&up.bench, up.control, options, 6).await?;
    let expected = ["requested", "delivered", "signaled"];
    assert_eq!(stages(&ended.stdout), expected, "{ended:?}");
    let by = view(up.control, bound.task).await?["stop"]["stopsBy"].clone();
    let by = by.as_str().context("no bound")?;
    let summary = format!(
        "task {} canceled, stop ACKNOWLEDGED: the wait ran out; the work ends by {by}",
        bound.task
    );
    assert_eq!(ended.stdout.lines().nth(1), Some(summary.as_str()));
    Ok(())
}

#[tokio::test]
async fn a_stop_that_is_presumed_has_its_own_code() -> Result<()> {
    let fleet = Fleet::with_lease_ms(3_000)?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let worker = fleet.start_worker("killed")?;
    let bound = start_until(fleet.control(), "polite", &json!({}), "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    worker.crash().await?;
    let options = (bound.task, "--wait=30s");
    let ended = waited(&fleet.bench, fleet.control(), options, 12).await?;
    assert_eq!(
        stages(&ended.stdout),
        ["requested", "presumed"],
        "{ended:?}"
    );
    let summary = format!(
        "task {} canceled, stop PRESUMED: its worker is gone, and nobody can prove that the work has ended",
        bound.task
    );
    assert_eq!(ended.stdout.lines().nth(1), Some(summary.as_str()));
    Ok(())
}

/// A worker that this test plays: it takes the one attempt and says what became of it.
pub(crate) async fn claimed(scheduler: Http, kind: &str) -> Result<(String, String, Value)> {
    let worker = json!({"name": "played", "queues": ["default"], "types": [kind], "slots": 1,
        "containment": "subreaper"});
    let session = scheduler.post("/v1/workers").json(&worker).send().await?;
    let session = session.expect(201)?.json()?;
    let path = format!("/v1/workers/{}", session["sessionId"]);
    let token = session["token"].as_str().context("no token")?.to_owned();
    let claim = json!({"claimSeq": 1, "max": 1, "waitMs": 10_000});
    let claim = scheduler.post(&format!("{path}/claims")).json(&claim);
    let answer = claim.header("TaskPilot-Session-Token", &token).send();
    let grant = answer.await?.expect(200)?.json()?["grants"][0].clone();
    ensure!(grant.is_object(), "nothing was granted");
    Ok((path, token, grant))
}

#[tokio::test]
async fn a_stop_that_was_given_up_has_its_own_code() -> Result<()> {
    let up = Up::start().await?;
    for (kind, stage, status) in [
        ("played-stuck", "stuck", "STUCK"),
        ("played-abandoned", "abandoned", "ABANDONED"),
    ] {
        let bound = start(up.control, kind, &json!({})).await?;
        let (path, token, grant) = claimed(up.scheduler, kind).await?;
        let cancel = format!("task cancel {} --wait", bound.task);
        let mut cancel = command(&up.bench, up.control, &cancel).spawn(stage)?;
        view_when(up.control, bound.task, "status", "CANCELED").await?;
        let item = json!({"executionId": grant["executionId"], "attempt": grant["attempt"],
            "token": grant["token"], "stage": stage});
        let stops = up.scheduler.post(&format!("{path}/stops"));
        let stops = stops.json(&json!({ "items": [item] }));
        let said = stops.header("TaskPilot-Session-Token", &token).send();
        said.await?.expect(200)?;
        let code = cancel.ended(SOON).await?.code();
        let told = cancel.stdout()?;
        assert_eq!(code, Some(13), "{told}");
        let summary = format!("task {} canceled, stop {status}: ", bound.task);
        ensure!(
            told.contains(&summary) && told.contains("may still run"),
            "{told}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_scheduler_that_tells_nothing_of_stops_proves_nothing() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    let bound = start(only.control, "demo", &json!({})).await?;
    let ended = waited(&only.bench, only.control, (bound.task, "--wait"), 12).await?;
    let summary = format!(
        "task {} canceled; this scheduler tells nothing of the stop\n",
        bound.task
    );
    assert_eq!(ended.stdout, summary);
    Ok(())
}

#[tokio::test]
async fn what_has_ended_is_not_canceled_with_a_wait_either() -> Result<()> {
    let up = Up::start().await?;
    let bound = start_until(up.control, "quick", &json!({}), "SUCCEEDED").await?;
    let ended = waited(&up.bench, up.control, (bound.task, "--wait"), 5).await?;
    assert_eq!(ended.stdout, "", "{ended:?}");
    Ok(())
}
