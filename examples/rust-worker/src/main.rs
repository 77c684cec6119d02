//! A worker whose handlers are functions: `rust-worker SCHEDULER DIRECTORY`.
//!
//! `primes` counts on a thread of its own and looks at its token between two numbers; `countdown`
//! waits, and is woken by it. One that was canceled is cleaned up after.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use taskpilot_worker::{
    Cleanup, Context, Failure, Handlers, SUPERVISE, Worker, WorkerConfig, supervise_main,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
struct Below {
    below: u64,
}

#[derive(Serialize)]
struct Primes {
    primes: u64,
}

/// Keeps its thread, so it asks now and then whether it shall end.
fn primes(context: &Context) -> Result<Primes, Failure> {
    let Below { below } = context.payload()?;
    let mut primes = 0;
    for number in 2..below {
        if context.cancellation().is_cancelled() {
            return Err(Failure::canceled());
        }
        if number % 1_024 == 0 {
            let percent = u8::try_from(number * 100 / below).unwrap_or(100);
            context.report_progress(Some(percent), None);
        }
        let mut divisors = (2..number).take_while(|divisor| divisor * divisor <= number);
        if divisors.all(|divisor| number % divisor != 0) {
            primes += 1;
        }
    }
    Ok(Primes { primes })
}

/// Waits for whatever comes first.
async fn countdown(context: Context) -> Result<&'static str, Failure> {
    let seconds: u64 = context.payload()?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    for left in (0..seconds).rev() {
        context.report_progress(None, Some(&format!("{left} s left")));
        tokio::select! {
            _ = ticks.tick() => {}
            () = context.cancellation().cancelled() => return Err(Failure::canceled()),
        }
    }
    Ok("lift-off")
}

/// Puts away what a canceled countdown has left, which is nothing but its last word. It may be called
/// again for the same one.
async fn scrub(context: Context) -> Result<String, Failure> {
    let canceled = context.cleanup_of();
    let last = canceled.and_then(|of| of.progress.as_ref()?.message.as_deref());
    Ok(format!("scrubbed: {}", last.unwrap_or("it never began")))
}

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let scheduler = arguments
        .next()
        .context("rust-worker SCHEDULER DIRECTORY")?;
    // Commands of a handlers file would be supervised by this very binary.
    if scheduler == SUPERVISE {
        return Ok(supervise_main());
    }
    let directory = arguments
        .next()
        .context("rust-worker SCHEDULER DIRECTORY")?;
    let worker = Worker::new(WorkerConfig {
        scheduler_url: scheduler.to_string_lossy().into_owned(),
        name: "rust-worker".parse()?,
        queues: vec!["default".parse()?],
        slots: 4,
        handlers: Handlers::none()
            .with_blocking("primes", |context| primes(&context))
            .with("countdown", countdown)
            .cleaning_up("countdown", Cleanup::by(scrub)),
        state_directory: PathBuf::from(directory),
        drain: Duration::from_secs(10),
    })?;
    tokio::runtime::Runtime::new()?.block_on(run(worker))?;
    // A runtime would wait for a function that ignores its token.
    std::process::exit(0)
}

async fn run(worker: Worker) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let asked = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        asked.cancel();
    });
    Ok(worker.run(shutdown).await?)
}
