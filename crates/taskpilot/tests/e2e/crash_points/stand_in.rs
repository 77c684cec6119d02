//! Cases in front of a scheduler that has nothing but the plain contract: it is never sent a create
//! twice, whatever strikes.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::stand_in::{Manner, Says, StandIn};
use taskpilot_e2e::taskpilot::Taskpilot;
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_e2e::workbench::Workbench;
use taskpilot_fault::{Fault, Setting};

use super::case::strikes;
use super::scripts::{Script, insist};
use crate::api::{create_of, id_of, task};
use crate::start::{ANY_PORT, ControlOnly, launch};

/// One case with an armed control plane.
pub(crate) async fn case(script: Script, setting: Setting) -> Result<()> {
    let stand_in = StandIn::start().await?;
    if script == Script::Refused {
        stand_in.behave(Manner::from(Says::status(422)).for_creates());
    }
    let bench = Workbench::new()?;
    let (mut armed, control) = armed(&bench, &stand_in, setting).await?;
    let id = create_of(control, "demo").await?;
    let path = format!("/api/tasks/{id}/scheduler");
    let asked = control.post(&path).send().await;
    strikes(&armed, setting).await?;
    let only = if setting.fault.is_crash() {
        ensure!(asked.is_err(), "it answered and crashed");
        armed.ended(SOON).await?;
        ControlOnly::on(bench, &stand_in.url()).await?
    } else {
        ControlOnly {
            process: armed,
            control,
            bench,
        }
    };
    let settled = settled(only.control, id).await?;
    let expected = expected(script, setting.fault);
    ensure!(
        (seen(&settled), stand_in.creates().len()) == expected,
        "{expected:?} expected, but it is {settled} after {:?}",
        stand_in.creates()
    );
    // Bound or not, the next one is not held up by it.
    stand_in.behave(Manner::Plain);
    let body = json!({"type": "demo", "payload": "next"});
    let create = || only.control.post("/api/tasks").json(&body);
    let next = insist(create, |reply| reply.status < 500).await?;
    let next = id_of(&next.expect(201)?.json()?, "id")?;
    let path = format!("/api/tasks/{next}/scheduler");
    let bound = insist(|| only.control.post(&path), |reply| reply.status < 500);
    bound.await?.expect(201)?;
    only.process.stop(SOON).await
}

async fn armed(
    bench: &Workbench,
    stand_in: &StandIn,
    setting: Setting,
) -> Result<(Taskpilot, Http)> {
    let launch = launch(bench)
        .args(["control"])
        .option("--data", bench.path("control"))
        .option("--listen", ANY_PORT)
        .option("--scheduler-url", stand_in.url())
        .env("TASKPILOT_FAULT", setting.to_string());
    let mut process = launch.spawn("armed")?;
    let control = process.control().await?;
    Ok((process, control))
}

/// The task when nothing more will happen to it by itself: bound, free again, or for an operator.
async fn settled(control: Http, id: i64) -> Result<Value> {
    wait_until("the binding is settled", SOON, || async move {
        let task = task(control, id).await?;
        let open = task["status"] == "BINDING" && task["bindError"]["code"] != "unknown_outcome";
        let unbound = task["status"] == "PENDING" && task["bindError"].is_null();
        Ok((!open && !unbound).then_some(task))
    })
    .await
    .context("a task before a plain scheduler")
}

fn seen(task: &Value) -> (&str, &str) {
    let code = task["bindError"]["code"].as_str();
    (
        task["status"].as_str().unwrap_or_default(),
        code.unwrap_or("none"),
    )
}

/// Status and error of the task, and how many creates were sent for it.
fn expected(script: Script, fault: Fault) -> ((&'static str, &'static str), usize) {
    match (script, fault) {
        // That it is freed may be tried again as often as it takes.
        (Script::Refused, _) => (("PENDING", "scheduler_error"), 1),
        // Nothing is known to have been sent: it is sent now.
        (_, Fault::ErrorBefore | Fault::CrashBefore) => (("BOUND", "none"), 1),
        // It is marked, and the process does not know whether it was also sent.
        (_, Fault::CrashAfter | Fault::LostAfter) => (("BINDING", "unknown_outcome"), 0),
    }
}
