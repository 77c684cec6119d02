//! The worker of `docs/worker-protocol.md`, in shell, against the real scheduler.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;
use taskpilot_e2e::run::Launch;
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::{SOON, wait_until};

use crate::api::{active_workers, cancel, create, proven_stop, view, view_when};
use crate::fleet::Fleet;
use crate::start::DRAIN;

/// Says who it is, and takes as long as its payload says.
const NAP: &str = "read -r seconds; echo $$ > \"$0\"; echo \"$seconds\"; \
                   [ \"$seconds\" -ge 0 ] || exit 3; exec sleep \"$seconds\"";

/// A task that sleeps, bound.
fn nap(seconds: i32) -> serde_json::Value {
    json!({
        "type": "nap", "payload": seconds, "bind": true,
        "execution": {"maxAttempts": 1, "cancelGraceMs": 5_000},
    })
}

/// The process of the command, once it is there; the file is gone then.
async fn process(file: &Path) -> Result<i32> {
    let pid = wait_until("the command runs", SOON, || async {
        let text = fs::read_to_string(file).unwrap_or_default();
        Ok(text.trim().parse().ok())
    });
    let pid = pid.await?;
    fs::remove_file(file)?;
    Ok(pid)
}

fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .is_ok_and(|status| !status.contains("State:\tZ"))
}

#[tokio::test]
async fn forty_lines_of_shell_are_a_worker() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let (control, scheduler) = (fleet.control(), fleet.scheduler());
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shell-worker/worker.sh");
    let pid_file = fleet.bench.path("pid");
    let mut worker = Launch::new("sh", &fleet.bench)
        .args([
            script.into_os_string(),
            scheduler.url().into(),
            "nap".into(),
        ])
        .args([
            "sh".into(),
            "-c".into(),
            NAP.into(),
            pid_file.clone().into_os_string(),
        ])
        .env("TMPDIR", fleet.bench.root())
        .spawn("shell")?;

    let done = create(control, &nap(0)).await?;
    let view_of = view_when(control, done, "status", "SUCCEEDED").await?;
    assert_eq!(view_of["result"], 0);
    process(&pid_file).await?;
    let failed = create(control, &nap(-1)).await?;
    let view_of = view_when(control, failed, "status", "FAILED").await?;
    assert_eq!(
        view_of["attempts"][0]["error"],
        json!({"code": "exit_code", "message": "exit 3"})
    );
    process(&pid_file).await?;

    let canceled = create(control, &nap(600)).await?;
    let pid = process(&pid_file).await?;
    cancel(control, canceled).await?.expect(204)?;
    let stopped = proven_stop(control, canceled).await?;
    assert_eq!(
        (&stopped["status"], &stopped["stop"]["how"]),
        (&json!("CANCELED"), &json!("terminated"))
    );
    ensure!(!is_alive(pid), "what is proven is so");

    let interrupted = create(control, &nap(600)).await?;
    let pid = process(&pid_file).await?;
    worker.signal(Signal::TERM)?;
    let status = worker.ended(DRAIN).await?;
    ensure!(status.success() && !is_alive(pid), "{status}");
    active_workers(scheduler, 0).await?;
    let back = view(control, interrupted).await?;
    let attempt = &back["attempts"][0];
    assert_eq!(
        (&back["status"], &back["attemptCount"], &attempt["outcome"]),
        (&json!("PENDING"), &json!(0), &json!("interrupted"))
    );
    Ok(())
}
