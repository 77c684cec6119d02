//! Backups of what runs, and life after a restore.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::run::Finished;
use taskpilot_e2e::workbench::Workbench;

use crate::api::{Bound, cancel, create_of, start, start_until, task, task_when, view};
use crate::start::{ANY_PORT, DRAIN, Up, launch};

async fn run(bench: &Workbench, command: &str, file: &Path, data: &Path) -> Result<Finished> {
    let launch = launch(bench).args([command]).args([file]);
    launch.option("--data", data).run().await
}

async fn runs(bench: &Workbench, command: &str, file: &Path, data: &Path) -> Result<()> {
    let ended = run(bench, command, file, data).await?;
    ensure!(ended.code == Some(0), "{command}: {ended:?}");
    Ok(())
}

/// Binds one task after the other until it is told to end; what was acknowledged.
async fn flood(control: Http, over: Arc<AtomicBool>) -> Result<Vec<Bound>> {
    let mut acknowledged = Vec::new();
    while !over.load(Ordering::SeqCst) {
        acknowledged.push(start(control, "nobody-handles-this", &json!({})).await?);
    }
    Ok(acknowledged)
}

/// Starts everything on the directory that was restored.
async fn second_life(bench: Workbench, data: &Path) -> Result<Up> {
    let process = launch(&bench)
        .args(["up"])
        .option("--data", data)
        .option("--control", ANY_PORT)
        .option("--scheduler", ANY_PORT)
        .option("--handlers", bench.handlers())
        .spawn("second")?;
    Up::when_ready(process, bench).await
}

async fn reference(scheduler: Http, execution: i64) -> Result<Value> {
    let path = format!("/tasks/{execution}");
    let told = scheduler.get(&path).send().await?.expect(200)?.json()?;
    Ok(told["reference"].clone())
}

#[tokio::test]
async fn what_was_acknowledged_before_a_backup_under_load_lives_on_elsewhere() -> Result<()> {
    let first = Up::start().await?;
    let done = start_until(first.control, "quick", &json!({}), "SUCCEEDED").await?;
    let mut before = vec![done];
    for _ in 0..5 {
        before.push(start(first.control, "nobody-handles-this", &json!({})).await?);
    }
    let over = Arc::new(AtomicBool::new(false));
    let flooding = tokio::spawn(flood(first.control, Arc::clone(&over)));
    let (file, data) = (first.bench.path("backup.tar"), first.bench.path("data"));
    runs(&first.bench, "backup", &file, &data).await?;
    over.store(true, Ordering::SeqCst);
    let meanwhile = flooding.await??;
    let last = start(first.control, "nobody-handles-this", &json!({})).await?;
    let mode = std::fs::metadata(&file)?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let Up { process, bench, .. } = first;
    process.stop(DRAIN).await?;
    let data = bench.path("elsewhere");
    runs(&bench, "restore", &file, &data).await?;
    let second = second_life(bench, &data).await?;
    for bound in &before {
        let kept = task(second.control, bound.task).await?;
        assert_eq!(kept["schedulerTaskId"], json!(bound.execution));
        view(second.control, bound.task).await?;
    }
    assert_eq!(
        view(second.control, done.task).await?["status"],
        "SUCCEEDED"
    );
    // Of the flood some may be there: each of them whole, also what was binding then. One may have
    // been created and not yet bound.
    for bound in &meanwhile {
        let path = format!("/api/tasks/{}", bound.task);
        let reply = second.control.get(&path).send().await?;
        if reply.status == 200 && reply.json()?["status"] != "PENDING" {
            task_when(second.control, bound.task, "BOUND").await?;
            view(second.control, bound.task).await?;
        }
    }
    life_goes_on(&second, &before, last).await
}

/// New ids are none of those that were handed out after the backup, and cancels hit what they mean.
async fn life_goes_on(second: &Up, before: &[Bound], last: Bound) -> Result<()> {
    let new = start(second.control, "nobody-handles-this", &json!({})).await?;
    ensure!(
        new.task > last.task + 999_000_000 && new.execution > last.execution + 999_000_000,
        "ids do not jump: {new:?} after {last:?}"
    );
    let kept = before.last().context("none was bound")?;
    let cancel_as = async |execution: i64, reference: &Value| {
        let call = second.scheduler.put(&format!("/tasks/{execution}/cancel"));
        call.json(&json!({"reference": reference})).send().await
    };
    let foreign = reference(second.scheduler, kept.execution).await?;
    cancel_as(new.execution, &foreign)
        .await?
        .problem(404, "execution_not_found")?;
    cancel_as(last.execution, &foreign)
        .await?
        .problem(404, "execution_not_found")?;
    assert_eq!(view(second.control, new.task).await?["status"], "PENDING");
    cancel(second.control, kept.task).await?.expect(204)?;
    assert_eq!(view(second.control, kept.task).await?["status"], "CANCELED");
    start_until(second.control, "quick", &json!({}), "SUCCEEDED").await?;
    Ok(())
}

#[tokio::test]
async fn a_backup_and_a_restore_refuse_what_would_destroy() -> Result<()> {
    let up = Up::start().await?;
    create_of(up.control, "quick").await?;
    let Up { process, bench, .. } = up;
    let (file, data) = (bench.path("backup.tar"), bench.path("data"));
    let (nowhere, garbage) = (bench.path("nowhere"), bench.path("garbage"));
    std::fs::write(&garbage, "no archive")?;
    let code = async |command: &str, file: &Path, data: &Path| {
        let ended = run(&bench, command, file, data).await?;
        ensure!(
            ended.stdout.is_empty() && !ended.stderr.is_empty(),
            "{ended:?}"
        );
        Ok(ended.code)
    };
    assert_eq!(code("backup", &garbage, &data).await?, Some(5));
    assert_eq!(code("backup", &file, &nowhere).await?, Some(3));
    runs(&bench, "backup", &file, &data).await?;
    assert_eq!(code("restore", &file, &data).await?, Some(7));
    process.stop(DRAIN).await?;
    assert_eq!(code("restore", &file, &data).await?, Some(5));
    assert_eq!(
        code("restore", &bench.path("none.tar"), &nowhere).await?,
        Some(3)
    );
    assert_eq!(code("restore", &garbage, &nowhere).await?, Some(1));
    assert_eq!(std::fs::read_to_string(&garbage)?, "no archive");
    // What nobody runs can be copied too, and what was refused left its directory usable.
    let rest = bench.path("rest.tar");
    runs(&bench, "backup", &rest, &data).await?;
    runs(&bench, "restore", &rest, &nowhere).await?;
    let left = std::fs::read_dir(bench.root())?;
    for entry in left {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(!name.ends_with(".partial"), "{name} is left");
    }
    Ok(())
}

#[tokio::test]
async fn data_of_a_newer_release_is_refused_at_the_start_and_at_a_restore() -> Result<()> {
    let up = Up::start().await?;
    let Up { process, bench, .. } = up;
    process.stop(DRAIN).await?;
    let data = bench.path("data");
    let later = "INSERT INTO refinery_schema_history SELECT 999, 'later', applied_on, checksum \
                 FROM refinery_schema_history LIMIT 1";
    rusqlite::Connection::open(data.join("control.db"))?.execute(later, [])?;
    let start = launch(&bench)
        .args(["control", "--listen", ANY_PORT])
        .option("--data", &data);
    let ended = start.run().await?;
    ensure!(
        ended.code == Some(9) && ended.stderr.contains("use a newer release"),
        "{ended:?}"
    );
    let file = bench.path("backup.tar");
    runs(&bench, "backup", &file, &data).await?;
    let ended = run(&bench, "restore", &file, &bench.path("elsewhere")).await?;
    assert_eq!(ended.code, Some(9), "{ended:?}");
    Ok(())
}
