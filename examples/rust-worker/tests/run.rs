//! The example against a real `taskpilot up`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::run::Launch;
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::{SOON, wait_until};
use taskpilot_e2e::workbench::Workbench;

const END: Duration = Duration::from_secs(20);

/// The binary of the product, beside our own; made where only this crate was built.
fn taskpilot() -> Result<PathBuf> {
    let ours = Path::new(env!("CARGO_BIN_EXE_rust-worker"));
    let product = ours.with_file_name("taskpilot");
    if !product.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "--package", "taskpilot"]);
        ensure!(build.status()?.success(), "taskpilot cannot be built");
    }
    Ok(product)
}

async fn create(control: Http, kind: &str, payload: Value) -> Result<i64> {
    let body = json!({"type": kind, "payload": payload, "bind": true});
    let task = control.post("/api/tasks").json(&body).send().await?;
    task.expect(201)?.json()?["id"].as_i64().context("an id")
}

async fn when(control: Http, task: i64, wanted: fn(&Value) -> bool) -> Result<Value> {
    let path = format!("/api/tasks/{task}/execution");
    wait_until("the execution is as wanted", SOON, || async {
        let view = control.get(&path).send().await?.expect(200)?.json()?;
        Ok(wanted(&view).then_some(view))
    })
    .await
}

#[tokio::test]
async fn its_functions_are_run_and_stopped() -> Result<()> {
    let bench = Workbench::new()?;
    let mut up = Launch::new(taskpilot()?, &bench)
        .args(["up"])
        .option("--data", bench.path("data"))
        .option("--control", "127.0.0.1:0")
        .option("--scheduler", "127.0.0.1:0")
        .spawn("up")?;
    let ready = up.ready().await?;
    let control = Http::of_url(&ready.control.context("no control plane")?)?;
    let scheduler = ready.scheduler.context("no scheduler")?;
    let launch = || {
        Launch::new(env!("CARGO_BIN_EXE_rust-worker"), &bench)
            .args([&scheduler])
            .args([bench.path("worker")])
    };
    let worker = launch().spawn("rust-worker")?;

    let primes = create(control, "primes", json!({"below": 100})).await?;
    let done = when(control, primes, |view| view["status"] == "SUCCEEDED").await?;
    assert_eq!(done["result"], json!({"primes": 25}));

    for (kind, payload) in [
        ("primes", json!({"below": u64::MAX})),
        ("countdown", json!(600)),
    ] {
        let task = create(control, kind, payload).await?;
        when(control, task, |view| view["status"] == "RUNNING").await?;
        let path = format!("/api/tasks/{task}/execution/cancel");
        control.put(&path).send().await?.expect(204)?;
        let stopped = when(control, task, |view| view["stop"]["status"] == "STOPPED").await?;
        assert_eq!(stopped["status"], "CANCELED", "{kind}");
    }
    worker.stop(END).await?;

    // Ctrl-C is an orderly end too.
    let mut worker = launch().spawn("interrupted")?;
    let task = create(control, "countdown", json!(1)).await?;
    when(control, task, |view| view["status"] == "RUNNING").await?;
    worker.signal(Signal::INT)?;
    ensure!(worker.ended(END).await?.success());
    let done = when(control, task, |view| view["status"] == "SUCCEEDED").await?;
    assert_eq!(done["result"], json!("lift-off"));
    up.stop(END).await
}
