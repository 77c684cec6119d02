//! `taskpilot bench cancel`: from the request to the verdict, to the signal that the handler gets and
//! to the end of its process, while many real processes run.

use std::rc::Rc;

use anyhow::{Context, Result};
use hyper::Method;
use rustix::process::Pid;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::{JoinSet, LocalSet};

use crate::arguments::{CancelArgs, Entrance};
use crate::clock::{now_ns, patiently, wait_until_ns};
use crate::connection::{Call, Connection};
use crate::handler::{UNTIL_TOLD, declarations};
use crate::latency::Latencies;
use crate::marks::Marks;
use crate::process::Process;
use crate::report::{Goal, Report};
use crate::target::{Setup, Target};

/// Processes that are begun together. Each is two programs that start: of a thousand at once many
/// would take longer than a worker waits for them.
const PORTION: usize = 20;
/// Time for what was begun to come to rest.
const SETTLE_NS: u64 = 1_000_000_000;
/// Time to open the connection of a cancel: servers close what is idle.
const PREPARE_NS: u64 = 50_000_000;

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
    let target = Target::start(&args.place.directory()?, &setup).await?;
    let scene = Rc::new(Scene {
        url: match args.through {
            Entrance::Scheduler => target.scheduler.clone(),
            Entrance::Control => target.control()?.to_owned(),
        },
        entrance: args.through,
        marks: Marks::open(&target.directory()?)?,
        ids: Mutex::default(),
    });
    scene.begin(args.processes as usize).await?;
    let begin = now_ns() + SETTLE_NS;
    let mut running = JoinSet::new();
    for number in 0..u64::from(args.count) {
        let intended_ns = begin + number * args.interval_ms * 1_000_000;
        let scene = Rc::clone(&scene);
        wait_until_ns(intended_ns.saturating_sub(PREPARE_NS)).await?;
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
    target.end().await?;
    Ok(run)
}

impl Scene {
    /// Begins so many processes, in portions.
    async fn begin(&self, count: usize) -> Result<()> {
        for first in (0..count).step_by(PORTION) {
            let portion = first..count.min(first + PORTION);
            for _ in portion.clone() {
                self.begin_next().await?;
            }
            for number in portion {
                self.marks.started(number as u64).await?;
            }
        }
        Ok(())
    }

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
        let mark = self.marks.started(number).await?;
        let process = Process::of(Pid::from_raw(mark.pid).context("a process without a number")?)?;
        let id = self.ids.lock().await[usize::try_from(number)?];
        let path = match self.entrance {
            Entrance::Scheduler => format!("/tasks/{id}/cancel"),
            Entrance::Control => format!("/api/tasks/{id}/execution/cancel"),
        };
        let mut connection = Connection::open(&self.url).await?;
        wait_until_ns(intended).await?;
        let sent = now_ns();
        let verdict = async {
            let what = || format!("the answer to PUT {}{path}", self.url);
            patiently(what, connection.call(Call::new(Method::PUT, &path))).await?;
            Ok(now_ns())
        };
        let signaled = self.marks.signaled(number);
        let (verdict, signaled, gone) = tokio::try_join!(verdict, signaled, process.ended())?;
        self.begin_next().await?;
        Ok(Sample {
            intended,
            sent,
            verdict,
            signaled: signaled.instant_ns,
            gone,
        })
    }
}
