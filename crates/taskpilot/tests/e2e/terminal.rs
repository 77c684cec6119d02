//! What a terminal is shown: nothing of others that could steer it.

use anyhow::{Result, ensure};
use serde_json::json;
use taskpilot_e2e::stand_in::StandIn;

use crate::api::{Bound, start};
use crate::start::{ControlOnly, launch};

#[tokio::test]
async fn nothing_that_a_scheduler_says_steers_the_terminal() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let only = ControlOnly::before(&stand_in).await?;
    let Bound { task, execution } = start(only.control, "demo", &json!({})).await?;
    let evil = "\u{1b}[2J\u{7}\r\n\u{9b}31mEVIL";
    let stop = json!({"status": evil, "how": evil});
    let says = json!({"status": evil, "phase": evil, "blockedBy": evil, "lastError": evil,
        "workerId": evil, "stop": stop});
    stand_in.amend(execution, &says)?;
    for command in [
        format!("execution get {task}"),
        format!("task get {task}"),
        format!("task watch {task} --timeout 0"),
        format!("task cancel {task} --wait=0"),
        "task list".to_owned(),
    ] {
        let ended = launch(&only.bench)
            .args(command.split(' '))
            .env("TASKPILOT_URL", only.control.url())
            .run()
            .await?;
        let printed = [&*ended.stdout, &*ended.stderr].concat();
        ensure!(
            command == "task list" || printed.contains("EVIL"),
            "{command}: {ended:?}"
        );
        let steers = |one: char| one.is_control() && one != '\n';
        ensure!(!printed.contains(steers), "{command}: {ended:?}");
    }
    Ok(())
}
