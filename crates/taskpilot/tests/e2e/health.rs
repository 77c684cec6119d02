//! The probes of running services: what is missing is named, also at the end.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::start_until;
use crate::fleet::Fleet;
use crate::start::{DRAIN, Up};

async fn ready(service: Http) -> Result<(u16, Value)> {
    let reply = service.get("/readyz").send().await?;
    Ok((reply.status, reply.json()?))
}

/// Waits until a service says that it is `status`.
async fn says(service: Http, status: &str) -> Result<(u16, Value)> {
    wait_until(status, SOON, || async {
        let told = ready(service).await?;
        Ok((told.1["status"] == status).then_some(told))
    })
    .await
}

#[tokio::test]
async fn a_control_plane_is_ready_while_its_scheduler_is_there() -> Result<()> {
    let fleet = Fleet::new()?;
    let _control = fleet.start_control().await?;
    let (code, told) = ready(fleet.control()).await?;
    assert_eq!((code, &told["status"]), (503, &json!("unavailable")));
    let scheduler = fleet.start_scheduler().await?;
    assert_eq!(says(fleet.control(), "ready").await?.0, 200);
    let (code, told) = ready(fleet.scheduler()).await?;
    let excused = told["checks"][2]["detail"].as_str().unwrap_or_default();
    ensure!(
        code == 200 && excused.starts_with("nothing expires until 2"),
        "{told}"
    );
    scheduler.crash().await?;
    let (code, told) = says(fleet.control(), "unavailable").await?;
    let missing = &told["checks"][1];
    assert_eq!(
        (code, &missing["name"], &missing["detail"]),
        (503, &json!("scheduler"), &json!("it cannot be reached"))
    );
    let live = fleet.control().get("/livez").send().await?.expect(200)?;
    assert_eq!(live.json()?, json!({"status": "live"}));
    Ok(())
}

#[tokio::test]
async fn while_work_drains_the_probes_say_that_the_end_is_near() -> Result<()> {
    let up = Up::start().await?;
    start_until(up.control, "tree", &json!({}), "RUNNING").await?;
    up.bench.whole_tree().await?;
    let Up {
        mut process,
        control,
        scheduler,
        bench: _bench,
    } = up;
    process.signal(Signal::TERM)?;
    for service in [control, scheduler] {
        assert_eq!(says(service, "stopping").await?.0, 503);
        service.get("/livez").send().await?.expect(200)?;
    }
    process.ended(DRAIN).await?;
    Ok(())
}
