//! `taskpilot bench memory`: what `taskpilot up` holds and does when nothing is asked of it, and with
//! a backlog and many connections.

use anyhow::Result;
use hyper::Method;
use tokio::task::LocalSet;

use crate::arguments::{MemoryArgs, Size, Through};
use crate::clock::{now_ns, seconds, wait_until_ns};
use crate::connection::{Call, Connection};
use crate::load::{self, Order, Plan};
use crate::process::{cpu_seconds, own_mib};
use crate::report::{Goal, Report};
use crate::session::{Session, Trade};
use crate::target::{Setup, Target};

/// Time for what a start or a load left to be done.
const SETTLE_NS: u64 = 2_000_000_000;
/// Of the connections, three of four wait for work.
const WAITING_SHARE: (u32, u32) = (3, 4);
/// A wait that is longer than the measurement.
const WAIT_MS: u64 = 30_000;

/// One run.
struct Run {
    idle_mib: f64,
    idle_cpu_percent: f64,
    full_mib: f64,
}

pub(crate) async fn measure(args: &MemoryArgs) -> Result<Report> {
    let mut report = Report::new("memory");
    report.setting("waiting", args.waiting);
    report.setting("connections", args.connections);
    report.setting("idleSeconds", args.seconds);
    let mut runs = Vec::new();
    for _ in 0..args.place.runs {
        runs.push(run(args).await?);
    }
    let of = |value: fn(&Run) -> f64| -> Vec<f64> { runs.iter().map(value).collect() };
    let most = |bound| Some(Goal::AtMost(bound));
    report.figure("memory, idle", "MiB", &of(|run| run.idle_mib), most(40.0));
    let full = "memory with the backlog and the connections";
    report.figure(full, "MiB", &of(|run| run.full_mib), most(160.0));
    report.figure(
        "processor time, idle",
        "%",
        &of(|run| run.idle_cpu_percent),
        most(1.0),
    );
    Ok(report)
}

async fn run(args: &MemoryArgs) -> Result<Run> {
    let target = Target::start(&args.place.directory()?, &Setup::default()).await?;
    let pid = target.pid()?;
    wait_until_ns(now_ns() + SETTLE_NS).await?;
    let idle_mib = own_mib(pid)?;
    let idle_cpu_percent = idle_cpu_percent(pid, args.seconds).await?;
    let plan = Plan {
        size: Size {
            count: args.waiting,
            batch: 1_000,
            payload: 100,
        },
        through: Through::Batch,
        clients: 2,
        workers: 0,
        claim: 0,
        order: Order::OnlyCreate,
    };
    load::run(plan, &target).await?;
    let full_mib = LocalSet::new()
        .run_until(connected_mib(args, &target))
        .await?;
    target.end().await?;
    Ok(Run {
        idle_mib,
        idle_cpu_percent,
        full_mib,
    })
}

async fn idle_cpu_percent(pid: u32, duration: u64) -> Result<f64> {
    let (began, before) = (now_ns(), cpu_seconds(pid)?);
    wait_until_ns(began + duration * 1_000_000_000).await?;
    Ok((cpu_seconds(pid)? - before) / seconds(now_ns() - began) * 100.0)
}

/// The memory while so many connections are open, of which most wait for work that never comes.
async fn connected_mib(args: &MemoryArgs, target: &Target) -> Result<f64> {
    let waiting = args.connections * WAITING_SHARE.0 / WAITING_SHARE.1;
    let mut polls = Vec::new();
    for number in 0..waiting {
        let trade = Trade {
            name: &format!("idle-{number}"),
            kind: "bench-never",
            slots: 1,
        };
        let mut session = Session::register(&target.scheduler, trade).await?;
        polls.push(tokio::task::spawn_local(async move {
            session.turn(1, WAIT_MS).await
        }));
    }
    let mut others = Vec::new();
    for _ in waiting..args.connections {
        let mut connection = Connection::open(&target.scheduler).await?;
        connection.call(Call::new(Method::GET, "/livez")).await?;
        others.push(connection);
    }
    wait_until_ns(now_ns() + SETTLE_NS).await?;
    let mib = own_mib(target.pid()?)?;
    polls.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(mib)
}
