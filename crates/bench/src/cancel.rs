//! `taskpilot bench cancel`: from the request to the verdict, to the signal that the handler gets and
//! to the end of its process, while many real processes run.

use std::rc::Rc;

use anyhow::{Context, Result};
use hyper::Method;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::{JoinSet, LocalSet};

use crate::arguments::{CancelArgs, Entrance};
use crate::clock::{now_ns, wait_until_ns};
use crate::connection::{Call, Connection};
use crate::handler::{UNTIL_TOLD, declarations};
use crate::latency::Latencies;
use crate::marks::Marks;
use crate::report::{Goal, Report};
use crate::target::{Setup, Target};

/// Samples of one run.
struct Run {
    sent: Latencies,
    verdict: Latencies,
    signaled: Latencies,
    gone: Latencies,
}

/// The instants of one cancel.
struct Sample {
    intended: u64,
    sent: u64,
    verdict: u64,
    signaled: u64,
    gone: u64,
}

/// What the cancels of a run share.
struct Scene {
    url: String,
    entrance: Entrance,
    marks: Marks,
    /// By the number of the work: the id to cancel it by.
    ids: Mutex<Vec<u64>>,
}

pub(crate) async fn measure(args: &CancelArgs) -> Result<Report> {
    let mut report = Report::new(match args.through {
        Entrance::Scheduler => "cancel at the scheduler",
        Entrance::Control => "cancel",
    });
    report.setting("processes", args.processes);
    report.setting("count", args.count);
    report.setting("intervalMs", args.interval_ms);
    let mut runs = Vec::new();
    for _ in 0..args.place.runs {
        runs.push(LocalSet::new().run_until(run(args)).await?);
    }
    let (mut verdict, mut signaled, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    let mut sent = Vec::new();
    for run in runs {
        verdict.push(run.verdict);
        signaled.push(run.signaled);
        gone.push(run.gone);
        sent.push(run.sent);
    }
    let goals = (Some(Goal::AtMost(2.5)), Some(Goal::AtMost(10.0)));
    report.latencies("request to verdict", &verdict, (None, None));
    report.latencies("request to handler signaled", &signaled, goals);
    report.latencies("request to process gone", &gone, (None, None));
    report.latencies("lateness of the sends", &sent, (None, None));
    Ok(report)
}

async fn run(args: &CancelArgs) -> Result<Run> {
    let setup = Setup {
        slots: Some(args.processes),
        handlers: Some(declarations()?),
        ..Setup::default()
    };
    let target = Target::start(&args.place.directory()?, &setup)?;
    let scene = Rc::new(Scene {
        url: match args.through {
            Entrance::Scheduler => target.scheduler.clone(),
            Entrance::Control => target.control()?.to_owned(),
        },
        entrance: args.through,
        marks: Marks::open(&target.directory()?)?,
        ids: Mutex::default(),
    });
    for _ in 0..args.processes {
        scene.begin_next().await?;
    }
    for number in 0..u64::from(args.processes) {
        scene.marks.started(number).await;
    }
    let begin = now_ns() + 1_000_000_000;
    let mut running = JoinSet::new();
    for number in 0..u64::from(args.count) {
        let intended_ns = begin + number * args.interval_ms * 1_000_000;
        let scene = Rc::clone(&scene);
        running.spawn_local(async move { scene.cancel(number, intended_ns).await });
    }
    let mut run = Run {
        sent: Latencies::new(),
        verdict: Latencies::new(),
        signaled: Latencies::new(),
        gone: Latencies::new(),
    };
    while let Some(ended) = running.join_next().await {
        let sample = ended??;
        run.sent.record(sample.intended, sample.sent);
        run.verdict.record(sample.intended, sample.verdict);
        run.signaled.record(sample.intended, sample.signaled);
        run.gone.record(sample.intended, sample.gone);
    }
    target.end()?;
    Ok(run)
}

impl Scene {
    /// Begins one more process; the answer of its create is all that is waited for.
    async fn begin_next(&self) -> Result<()> {
        #[derive(Deserialize)]
        struct Created {
            id: u64,
        }
        let mut ids = self.ids.lock().await;
        let number = ids.len();
        let (path, bind) = match self.entrance {
            Entrance::Scheduler => ("/tasks", ""),
            Entrance::Control => ("/api/tasks", r#","bind":true"#),
        };
        let body = format!(r#"{{"type":"{UNTIL_TOLD}","payload":{{"n":{number}}}{bind}}}"#);
        let call = Call::new(Method::POST, path).json(body);
        let answer = Connection::open(&self.url).await?.call(call).await?;
        let Created { id } = serde_json::from_slice(&answer)?;
        ids.push(id);
        Ok(())
    }

    /// Cancels the work of this number at that instant, then puts another in its place.
    async fn cancel(&self, number: u64, intended: u64) -> Result<Sample> {
        let mark = self.marks.started(number).await;
        let pid = Pid::from_raw(mark.pid).context("a process without a number")?;
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        let id = self.ids.lock().await[usize::try_from(number)?];
        let path = match self.entrance {
            Entrance::Scheduler => format!("/tasks/{id}/cancel"),
            Entrance::Control => format!("/api/tasks/{id}/execution/cancel"),
        };
        // Servers close what is idle: it is opened just before.
        wait_until_ns(intended.saturating_sub(50_000_000)).await?;
        let mut connection = Connection::open(&self.url).await?;
        wait_until_ns(intended).await?;
        let sent = now_ns();
        let verdict = async {
            connection.call(Call::new(Method::PUT, path)).await?;
            anyhow::Ok(now_ns())
        };
        let signaled = async { Ok(self.marks.signaled(number).await.instant_ns) };
        let gone = async { tokio::task::spawn_blocking(move || ended(&process)).await? };
        let (verdict, signaled, gone) = tokio::try_join!(verdict, signaled, gone)?;
        self.begin_next().await?;
        Ok(Sample {
            intended,
            sent,
            verdict,
            signaled,
            gone,
        })
    }
}

/// Waits for the end of a process.
fn ended(process: &OwnedFd) -> Result<u64> {
    poll(&mut [PollFd::new(process, PollFlags::IN)], None)?;
    Ok(now_ns())
}
