//! `taskpilot bench dispatch`: nothing else goes on; how long from a create to the begin of its
//! handler?

use std::rc::Rc;

use anyhow::{Context, Result};
use hyper::Method;
use serde::Deserialize;
use tokio::task::{JoinSet, LocalSet};

use crate::arguments::{DispatchArgs, Handler};
use crate::clock::{now_ns, patiently, wait_until_ns};
use crate::connection::{Call, Connection};
use crate::handler::{ONCE, declarations};
use crate::latency::Latencies;
use crate::marks::Marks;
use crate::report::{Goal, Report};
use crate::target::{Setup, Target};

/// Connections that take turns, so that a slow create delays no other.
const CONNECTIONS: u64 = 8;
/// Time for the worker to register and to wait for work.
const SETTLE_NS: u64 = 500_000_000;
/// Between two looks at an execution that has not ended.
const LOOK_NS: u64 = 2_000_000;
/// Time to see to a connection before a create is sent on it.
const PREPARE_NS: u64 = 20_000_000;

/// Samples of one run.
struct Run {
    started: Latencies,
    accepted: Latencies,
    sent: Latencies,
}

/// One create of a run.
struct Sample {
    number: u64,
    intended_ns: u64,
    sent_ns: u64,
    accepted_ns: u64,
    id: u64,
}

pub(crate) async fn measure(args: &DispatchArgs) -> Result<Report> {
    let mut report = Report::new(match args.handler {
        Handler::InProcess => "dispatch",
        Handler::Command => "dispatch of commands",
    });
    report.setting("count", args.count);
    report.setting("intervalMs", args.interval_ms);
    let (mut started, mut accepted, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.place.runs {
        let run = LocalSet::new().run_until(run(args)).await?;
        started.push(run.started);
        accepted.push(run.accepted);
        sent.push(run.sent);
    }
    let goals = match args.handler {
        Handler::InProcess => (Some(Goal::AtMost(1.5)), Some(Goal::AtMost(10.0))),
        Handler::Command => (None, None),
    };
    report.latencies("create to handler start", &started, goals);
    report.latencies("create to its answer", &accepted, (None, None));
    report.latencies("lateness of the sends", &sent, (None, None));
    Ok(report)
}

async fn run(args: &DispatchArgs) -> Result<Run> {
    let setup = Setup {
        slots: Some(16),
        handlers: Some(declarations()?),
        ..Setup::default()
    };
    let target = Target::start(&args.place.directory()?, &setup).await?;
    let marks = Marks::open(&target.directory()?)?;
    let begin = now_ns() + SETTLE_NS;
    let mut running = JoinSet::new();
    for first in 0..CONNECTIONS.min(args.count) {
        let (url, args) = (target.scheduler.clone(), Rc::new(args.clone()));
        running.spawn_local(async move {
            let mut samples = Vec::new();
            let mut connection = Connection::open(&url).await?;
            for number in (first..args.count).step_by(usize::try_from(CONNECTIONS)?) {
                let intended_ns = begin + number * args.interval_ms * 1_000_000;
                samples.push(create(&mut connection, args.handler, (number, intended_ns)).await?);
            }
            anyhow::Ok(samples)
        });
    }
    let mut samples = Vec::new();
    while let Some(ended) = running.join_next().await {
        samples.extend(ended??);
    }
    let mut run = Run {
        started: Latencies::new(),
        accepted: Latencies::new(),
        sent: Latencies::new(),
    };
    let mut reader = Connection::open(&target.scheduler).await?;
    for sample in samples {
        let started = match args.handler {
            Handler::Command => marks.started(sample.number).await?.instant_ns,
            Handler::InProcess => {
                let what = || format!("the end of execution {}", sample.id);
                patiently(what, told(&mut reader, sample.id)).await?
            }
        };
        run.started.record(sample.intended_ns, started);
        run.accepted.record(sample.intended_ns, sample.accepted_ns);
        run.sent.record(sample.intended_ns, sample.sent_ns);
    }
    target.end().await?;
    Ok(run)
}

async fn create(
    connection: &mut Connection,
    handler: Handler,
    (number, intended_ns): (u64, u64),
) -> Result<Sample> {
    #[derive(Deserialize)]
    struct Created {
        id: u64,
    }
    let kind = match handler {
        Handler::InProcess => "demo-clock",
        Handler::Command => ONCE,
    };
    let body = format!(r#"{{"type":"{kind}","payload":{{"n":{number}}}}}"#);
    wait_until_ns(intended_ns.saturating_sub(PREPARE_NS)).await?;
    connection.refresh().await?;
    wait_until_ns(intended_ns).await?;
    let sent_ns = now_ns();
    let call = Call::new(Method::POST, "/tasks").json(body);
    let answer = connection.call(call).await?;
    let accepted_ns = now_ns();
    let Created { id } = serde_json::from_slice(&answer)?;
    Ok(Sample {
        number,
        intended_ns,
        sent_ns,
        accepted_ns,
        id,
    })
}

/// When the handler of an execution began, by its own word.
async fn told(reader: &mut Connection, id: u64) -> Result<u64> {
    #[derive(Deserialize)]
    struct Execution {
        status: String,
        result: Option<Clock>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Clock {
        boot_ns: u64,
    }
    loop {
        let call = Call::new(Method::GET, format!("/tasks/{id}"));
        let answer = reader.call(call).await?;
        let execution: Execution = serde_json::from_slice(&answer)?;
        if execution.status == "SUCCEEDED" {
            let clock = execution.result.context("a handler that tells no time")?;
            return Ok(clock.boot_ns);
        }
        anyhow::ensure!(
            matches!(execution.status.as_str(), "PENDING" | "RUNNING"),
            "execution {id} is {}",
            execution.status
        );
        wait_until_ns(now_ns() + LOOK_NS).await?;
    }
}
