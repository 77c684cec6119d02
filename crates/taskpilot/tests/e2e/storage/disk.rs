//! A real file system that fills up and becomes read-only: what the shim imitates.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use taskpilot_e2e::wait::{SOON, wait_until};
use tokio::sync::Mutex;

use crate::api::{create, create_of, id_of, task};
use crate::start::{ANY_PORT, launch};

/// A small file system in memory, which goes with the test.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Result<Self> {
        fs::create_dir(at)?;
        mount(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"], at)?;
        Ok(Self(at.to_owned()))
    }

    fn remount(&self, options: &str) -> Result<()> {
        mount(&["-o", &format!("remount,{options}")], &self.0)
    }

    /// Takes all the space that is left.
    fn fill(&self) -> Result<PathBuf> {
        let path = self.0.join("filler");
        let mut filler = fs::File::create(&path)?;
        for size in [4096, 1] {
            while filler.write_all(&vec![1; size]).is_ok() {}
        }
        Ok(path)
    }
}

impl Drop for Disk {
    /// Lazily: the process of the test may have its files open for a moment longer.
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(options: &[&str], at: &Path) -> Result<()> {
    let status = Command::new("mount").args(options).arg(at).status();
    let status = status.context("no mount(8)")?;
    ensure!(status.success(), "mount {options:?} ended with {status}");
    Ok(())
}

#[tokio::test]
async fn root_only_a_real_disk_that_fills_up_and_has_space_again_is_written_again() -> Result<()> {
    let bench = taskpilot_e2e::workbench::Workbench::new()?;
    let disk = Disk::mount(&bench.path("disk"))?;
    let start = || {
        launch(&bench)
            .args(["control"])
            .option("--data", bench.path("disk").join("data"))
            .option("--listen", ANY_PORT)
            .option("--scheduler-url", "http://127.0.0.1:9")
            .spawn("control")
    };
    let mut process = start()?;
    let control = process.control().await?;
    let kept = Mutex::new(vec![create_of(control, "quick").await?]);

    let filler = disk.fill()?;
    // The log has some pages of its own left over; then there is no space.
    let large = json!({"type": "quick", "payload": "x".repeat(100_000)});
    wait_until("a create is refused", SOON, || async {
        let reply = control.post("/api/tasks").json(&large).send().await?;
        if reply.status == 201 {
            kept.lock().await.push(id_of(&reply.json()?, "id")?);
            return Ok(None);
        }
        reply.problem(503, "storage_unavailable").map(Some)
    })
    .await?;
    let mut kept = kept.into_inner();
    task(control, kept[0]).await?;
    fs::remove_file(filler)?;
    kept.push(when_it_writes(|| create(control, &large)).await?);

    // An open file for writing keeps a file system from becoming read-only: so it is at a start.
    process.crash().await?;
    disk.remount("ro")?;
    let mut refused = start()?;
    ensure!(!refused.ended(SOON).await?.success(), "it started");
    ensure!(
        refused.stderr()?.contains("Read-only file system"),
        "{}",
        refused.stderr()?
    );
    disk.remount("rw")?;
    let mut process = start()?;
    let control = process.control().await?;
    for id in kept {
        task(control, id).await?;
    }
    create_of(control, "quick").await?;
    process.crash().await
}

/// A store that failed tries its storage by itself.
async fn when_it_writes<F>(call: impl Fn() -> F) -> Result<i64>
where
    F: Future<Output = Result<i64>>,
{
    wait_until("it writes again", SOON, || {
        let call = call();
        async move { Ok(call.await.ok()) }
    })
    .await
}
