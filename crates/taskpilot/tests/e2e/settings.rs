//! Settings and fixed names that scripts rely on: where a value comes from, and command lines as the
//! documents have them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::taskpilot::Taskpilot;
use taskpilot_e2e::workbench::Workbench;

use crate::api::{active_workers, create, view_when};
use crate::fleet::Fleet;
use crate::start::{DRAIN, Up, launch};

#[tokio::test]
async fn a_client_asks_where_flag_environment_or_file_say() -> Result<()> {
    let up = Up::start().await?;
    let port = ReservedPort::take()?;
    let (here, nobody) = (up.control.url(), port.url());
    for (flag, variable, file, code) in [
        (None, None, &here, 0),
        (None, None, &nobody, 1),
        (None, Some(&here), &nobody, 0),
        (None, Some(&nobody), &here, 1),
        (Some(&here), Some(&nobody), &nobody, 0),
        (Some(&nobody), Some(&here), &here, 1),
        // What is set to nothing is not set.
        (None, Some(&String::new()), &here, 0),
    ] {
        let config = up.bench.path("config.toml");
        std::fs::write(&config, format!("url = {file:?}\n"))?;
        let mut command = launch(&up.bench)
            .args(["task", "list"])
            .env("TASKPILOT_CONFIG", &config);
        if let Some(url) = variable {
            command = command.env("TASKPILOT_URL", url);
        }
        if let Some(url) = flag {
            command = command.option("--url", url);
        }
        let ended = command.run().await?;
        ensure!(
            ended.code == Some(code),
            "flag {flag:?}, variable {variable:?}, file {file}: {ended:?}"
        );
    }
    Ok(())
}

/// What the scheduler was told by the worker that was started last, once it is the only one.
async fn slots_and_queues(scheduler: Http, worker: Taskpilot) -> Result<(Value, Value)> {
    let told = active_workers(scheduler, 1).await?;
    worker.stop(DRAIN).await?;
    active_workers(scheduler, 0).await?;
    Ok((told[0]["slots"].clone(), told[0]["queues"].clone()))
}

#[tokio::test]
async fn flags_win_over_environment_over_file_over_default() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let config = fleet.bench.path("config.toml");
    std::fs::write(&config, "slots = 3\nqueues = [\"of-file\", \"too\"]\n")?;
    let worker = || {
        launch(&fleet.bench)
            .args(["worker"])
            .option("--scheduler-url", fleet.scheduler().url())
    };
    let by_file = || worker().env("TASKPILOT_CONFIG", &config);
    let by_environment = || {
        by_file()
            .env("TASKPILOT_SLOTS", "2")
            .env("TASKPILOT_QUEUES", "of-environment,too")
    };
    let by_flag = by_environment()
        .option("--slots", "1")
        .option("--queues", "of-flag,too");
    let by_nothing = by_file()
        .env("TASKPILOT_SLOTS", "")
        .env("TASKPILOT_QUEUES", "")
        .env("TASKPILOT_HANDLERS", "")
        .env("TASKPILOT_NAME", "")
        .env("TASKPILOT_DATA", "")
        .env("TASKPILOT_DRAIN_MS", "")
        .env("TASKPILOT_SCHEDULER_URL", "");
    for (launch, slots, queues) in [
        (worker(), 4, json!(["default"])),
        (by_file(), 3, json!(["of-file", "too"])),
        (by_environment(), 2, json!(["of-environment", "too"])),
        (by_flag, 1, json!(["of-flag", "too"])),
        (by_nothing, 3, json!(["of-file", "too"])),
    ] {
        let told = slots_and_queues(fleet.scheduler(), launch.spawn("worker")?).await?;
        assert_eq!(told, (json!(slots), queues));
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_takes_from_the_queues_it_was_given_and_finds_a_directory() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let _worker = launch(&fleet.bench)
        .args(["worker"])
        .option("--scheduler-url", fleet.scheduler().url())
        .option("--handlers", fleet.bench.handlers())
        .option("--slots", "2")
        .option("--queues", "a,b")
        .spawn("worker")?;
    let told = active_workers(fleet.scheduler(), 1).await?;
    assert_eq!(
        (&told[0]["slots"], &told[0]["queues"]),
        (&json!(2), &json!(["a", "b"]))
    );
    let in_queue = async |queue: &str| {
        let body = json!({"type": "quick", "bind": true, "execution": {"queue": queue}});
        create(fleet.control(), &body).await
    };
    let elsewhere = in_queue("default").await?;
    for queue in ["a", "b"] {
        let id = in_queue(queue).await?;
        view_when(fleet.control(), id, "status", "SUCCEEDED").await?;
    }
    view_when(fleet.control(), elsewhere, "phase", "READY").await?;
    let directory = fleet
        .bench
        .path("worker.home/.local/share/taskpilot/worker-1");
    ensure!(
        directory.join("journal").is_dir(),
        "no journal in {directory:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_containment_comes_from_flag_environment_or_file_and_must_be_one() -> Result<()> {
    let bench = Workbench::new()?;
    let config = bench.path("config.toml");
    for (flag, variable, file) in [
        (Some("jail"), "auto", "auto"),
        (None, "jail", "auto"),
        (None, "", "jail"),
    ] {
        std::fs::write(&config, format!("containment = {file:?}\n"))?;
        let mut worker = launch(&bench)
            .args(["worker"])
            .env("TASKPILOT_CONFIG", &config)
            .env("TASKPILOT_CONTAINMENT", variable);
        if let Some(level) = flag {
            worker = worker.option("--containment", level);
        }
        let ended = worker.run().await?;
        let reason = "\"jail\" is no containment: auto or subreaper";
        ensure!(
            ended.code == Some(2) && ended.stderr.contains(reason),
            "flag {flag:?}, variable {variable:?}, file {file}: {ended:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_directory_that_is_owned_has_its_own_exit_code() -> Result<()> {
    let fleet = Fleet::new()?;
    let _scheduler = fleet.start_scheduler().await?;
    let _control = fleet.start_control().await?;
    let _worker = fleet.start_worker("worker")?;
    active_workers(fleet.scheduler(), 1).await?;
    for role in ["scheduler", "control", "worker"] {
        let mut second = launch(&fleet.bench).args([role]);
        if role != "worker" {
            second = second.option("--listen", "127.0.0.1:0");
        }
        let data = fleet.bench.path(role);
        let ended = second.option("--data", &data).run().await?;
        let data = data.to_str().context("a path in UTF-8")?;
        ensure!(
            ended.code == Some(7) && ended.stdout.is_empty() && ended.stderr.contains(data),
            "{role}: {ended:?}"
        );
    }
    Ok(())
}
