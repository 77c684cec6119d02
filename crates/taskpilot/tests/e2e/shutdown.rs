//! The end of a process: graceful within the drain time, and at once when asked twice.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use taskpilot_e2e::http::Http;
use taskpilot_e2e::ledger::Mark;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::taskpilot::Signal;
use taskpilot_e2e::wait::wait_until;
use taskpilot_e2e::workbench::Workbench;
use tokio::io::AsyncWriteExt as _;

use crate::api::{create_of, start_until};
use crate::start::{ANY_PORT, ControlOnly, DRAIN, Up, launch, up};

/// What needs no grace at all, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_polite_end_takes_the_work_with_it() -> Result<()> {
    for signal in [Signal::TERM, Signal::INT] {
        let up = Up::start().await?;
        let grace = json!({"cancelGraceMs": 500});
        start_until(up.control, "tree", &grace, "RUNNING").await?;
        up.bench.whole_tree().await?;
        let Up {
            mut process, bench, ..
        } = up;
        process.signal(signal)?;
        let status = process.ended(DRAIN).await?;
        let interrupted = signal == Signal::INT && status.code() == Some(130);
        ensure!(status.success() || interrupted, "{signal:?}: {status}");
        assert_eq!(bench.processes()?, []);
    }
    Ok(())
}

#[tokio::test]
async fn a_second_interrupt_ends_it_at_once() -> Result<()> {
    let up = Up::start().await?;
    // Its work takes its time: ten minutes, if it is left to.
    let grace = json!({"cancelGraceMs": 600_000});
    start_until(up.control, "stubborn-tree", &grace, "RUNNING").await?;
    up.bench.whole_tree().await?;
    let Up {
        mut process, bench, ..
    } = up;
    // Two signals of one kind may arrive as one: it is asked until it has gone.
    let status = wait_until("it is gone", AT_ONCE, || {
        let ended = process.has_ended().and_then(|ended| match ended {
            Some(status) => Ok(Some(status)),
            None => process.signal(Signal::INT).map(|()| None),
        });
        async move { ended }
    })
    .await?;
    let interrupted = status.code() == Some(130) || status.signal() == Some(2);
    ensure!(interrupted, "{status}");
    // Its supervisors end what it left.
    bench.deserted().await
}

#[tokio::test]
async fn a_second_sigterm_leaves_what_runs_no_more_time() -> Result<()> {
    let bench = Workbench::new()?;
    let process = up(&bench).option("--drain-ms", "600000").spawn("up")?;
    let up = Up::when_ready(process, bench).await?;
    let polite = start_until(up.control, "polite", &json!({}), "RUNNING").await?;
    up.bench.begun(polite.execution).await?;
    let Up {
        mut process, bench, ..
    } = up;
    process.signal(Signal::TERM)?;
    wait_until("it has heard the first one", AT_ONCE, || {
        let heard = process
            .stderr()
            .map(|log| log.contains("draining").then_some(()));
        async move { heard }
    })
    .await?;
    process.signal(Signal::TERM)?;
    let status = process.ended(DRAIN).await?;
    assert_eq!(status.code(), Some(0), "an orderly end all the same");
    assert_eq!(bench.processes()?, []);
    let cleanup = Mark::first("cleanup", polite.execution);
    ensure!(bench.ledger().has(&cleanup)?, "it was asked politely");
    let mut scheduler = launch(&bench)
        .args(["scheduler"])
        .option("--data", bench.path("data"))
        .option("--listen", ANY_PORT)
        .spawn("scheduler")?;
    let path = format!("/tasks/{}", polite.execution);
    let address = scheduler.scheduler().await?;
    let back = address.get(&path).send().await?.expect(200)?.json()?;
    let attempt = &back["attempts"][0];
    assert_eq!(
        (&back["status"], &attempt["outcome"], &attempt["counted"]),
        (&json!("PENDING"), &json!("interrupted"), &json!(false))
    );
    Ok(())
}

#[tokio::test]
async fn a_service_that_has_nothing_to_hasten_does_not_say_that_it_does() -> Result<()> {
    for role in ["control", "scheduler"] {
        let bench = Workbench::new()?;
        let mut process = launch(&bench)
            .args([role])
            .option("--data", bench.path("data"))
            .option("--listen", ANY_PORT)
            .option("--drain-ms", "600000")
            .spawn(role)?;
        let ready = process.ready().await?;
        let url = ready.control.or(ready.scheduler).unwrap_or_default();
        // A call that is not all there holds the end up.
        let mut open = Http::of_url(&url)?.connect().await?;
        let head = format!("POST / HTTP/1.1\r\nhost: {url}\r\ncontent-length: 9\r\n");
        open.write_all(head.as_bytes()).await?;
        for word in ["SIGTERM: ", "SIGTERM again: "] {
            process.signal(Signal::TERM)?;
            wait_until("it says that it has heard it", AT_ONCE, || {
                let log = process.stderr();
                async move { Ok(log?.contains(word).then_some(())) }
            })
            .await?;
        }
        drop(open);
        ensure!(process.ended(DRAIN).await?.success());
        let log = process.stderr()?;
        let untrue = log.contains("what runs") || log.contains("hasten");
        ensure!(!untrue, "{role}: {log}");
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_that_ends_by_itself_ends_everything_with_the_reason() -> Result<()> {
    let bench = Workbench::new()?;
    // The worker cannot keep its session: a directory is in the way of the file.
    std::fs::create_dir_all(bench.path("data/worker/session.json/in-the-way"))?;
    let mut process = up(&bench).spawn("up")?;
    process.ready().await?;
    let status = process.ended(DRAIN).await?;
    let log = process.stderr()?;
    ensure!(
        status.code() == Some(1) && log.contains("the worker has ended by itself"),
        "{status}: {log}"
    );
    // Its services ended in order: the next one finds nothing locked.
    std::fs::remove_dir_all(bench.path("data/worker/session.json"))?;
    let up = Up::when_ready(up(&bench).spawn("up")?, bench).await?;
    start_until(up.control, "quick", &json!({}), "SUCCEEDED").await?;
    Ok(())
}

#[tokio::test]
async fn an_end_waits_no_longer_than_the_drain_time() -> Result<()> {
    let bench = Workbench::new()?;
    let process = up(&bench).option("--drain-ms", "1000").spawn("up")?;
    let up = Up::when_ready(process, bench).await?;
    let grace = json!({"cancelGraceMs": 600_000});
    start_until(up.control, "stubborn-tree", &grace, "RUNNING").await?;
    up.bench.whole_tree().await?;
    let Up {
        mut process, bench, ..
    } = up;
    process.signal(Signal::TERM)?;
    process.ended(Duration::from_secs(8)).await?;
    bench.deserted().await
}

#[tokio::test]
async fn deaf_and_polite_work_is_handed_back_within_the_drain_time() -> Result<()> {
    let bench = Workbench::new()?;
    let process = up(&bench).option("--drain-ms", "4000").spawn("up")?;
    let up = Up::when_ready(process, bench).await?;
    let grace = json!({"cancelGraceMs": 600_000});
    let deaf = start_until(up.control, "stubborn-tree", &grace, "RUNNING").await?;
    up.bench.whole_tree().await?;
    let polite = start_until(up.control, "polite", &grace, "RUNNING").await?;
    up.bench.begun(polite.execution).await?;
    let Up {
        mut process, bench, ..
    } = up;
    process.signal(Signal::TERM)?;
    let status = process.ended(Duration::from_secs(7)).await?;
    assert_eq!(status.code(), Some(0));
    assert_eq!(bench.processes()?, []);
    let cleanup = Mark::first("cleanup", polite.execution);
    ensure!(bench.ledger().has(&cleanup)?, "it was asked politely");
    let mut scheduler = launch(&bench)
        .args(["scheduler"])
        .option("--data", bench.path("data"))
        .option("--listen", ANY_PORT)
        .spawn("scheduler")?;
    let address = scheduler.scheduler().await?;
    for bound in [deaf, polite] {
        let path = format!("/tasks/{}", bound.execution);
        let back = address.get(&path).send().await?.expect(200)?.json()?;
        let attempt = &back["attempts"][0];
        assert_eq!(
            (&back["status"], &attempt["outcome"], &attempt["counted"]),
            (&json!("PENDING"), &json!("interrupted"), &json!(false))
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_end() -> Result<()> {
    let up = Up::start().await?;
    let grace = json!({"cancelGraceMs": 1_000});
    let bound = start_until(up.control, "stubborn-tree", &grace, "RUNNING").await?;
    up.bench.whole_tree().await?;
    let path = format!("/api/tasks/{}/execution/cancel", bound.task);
    let waiting = up.control.put(&path).header("Prefer", "wait=15").send();
    let waiting = tokio::spawn(waiting);
    crate::api::view_when(up.control, bound.task, "status", "CANCELED").await?;
    let Up {
        process,
        bench: _bench,
        ..
    } = up;
    process.stop(DRAIN).await?;
    let reply = waiting.await??;
    ensure!(
        reply.status == 204 || reply.status == 202,
        "{} {}",
        reply.status,
        reply.text()
    );
    Ok(())
}

#[tokio::test]
async fn a_role_that_listens_says_one_line_and_no_more() -> Result<()> {
    let up = Up::start().await?;
    let (control, scheduler) = (up.control.url(), up.scheduler.url());
    let expected = format!("taskpilot ready control={control} scheduler={scheduler}\n");
    create_of(up.control, "quick").await?;
    assert_eq!(up.process.stdout()?, expected);
    Ok(())
}

#[tokio::test]
async fn a_control_plane_is_ready_without_its_scheduler() -> Result<()> {
    let nobody = ReservedPort::take()?;
    let only = ControlOnly::on(Workbench::new()?, &nobody.url()).await?;
    let id = create_of(only.control, "quick").await?;
    ensure!(id > 0, "{id}");
    let expected = format!("taskpilot ready control={}\n", only.control.url());
    assert_eq!(only.process.stdout()?, expected);
    Ok(())
}

#[tokio::test]
async fn a_wrong_command_line_is_a_usage_error() -> Result<()> {
    let bench = Workbench::new()?;
    for arguments in [
        vec!["levitate"],
        vec!["up", "--surely-unknown"],
        vec!["up", "--data", "untouched", "--control", "nowhere"],
        vec![
            "control",
            "--listen",
            ANY_PORT,
            "--scheduler-url",
            "not a url",
        ],
        vec!["worker", "--slots", "many"],
    ] {
        let ended = launch(&bench).args(arguments.clone()).run().await?;
        ensure!(
            ended.code == Some(2) && !ended.stderr.is_empty(),
            "{arguments:?}: {ended:?}"
        );
    }
    // The scheduler of `up` comes first, but not before all that was said is checked.
    ensure!(!bench.path("untouched").exists(), "something was begun");
    let missing = launch(&bench).args(["up", "--control", ANY_PORT, "--scheduler", ANY_PORT]);
    let missing = missing.option("--data", bench.path("data"));
    let missing = missing
        .option("--handlers", bench.path("missing.toml"))
        .run()
        .await?;
    let named = missing.stderr.contains("missing.toml");
    ensure!(
        missing.code.is_some_and(|code| code != 0) && named,
        "{missing:?}"
    );
    Ok(())
}
