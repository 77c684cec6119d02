//! `taskpilot bench cancel`: from the request to the verdict, to the signal that the handler gets and
//! to the end of its process, while many real processes run, and again while sessions hold more.

mod report;
mod scene;

use std::rc::Rc;

use anyhow::Result;
use tokio::task::{JoinSet, LocalSet};

use crate::arguments::{CancelArgs, Entrance, Size, Through};
use crate::clock::{now_ns, wait_until_ns};
use crate::handler::declarations;
use crate::hold::hold;
use crate::latency::Latencies;
use crate::load::{self, Order, Plan};
use crate::report::Report;
use crate::target::{Setup, Target};

use scene::Scene;

/// Time for what was begun to come to rest.
const SETTLE_NS: u64 = 1_000_000_000;
/// Time to open the connection of a cancel: servers close what is idle.
const PREPARE_NS: u64 = 50_000_000;

/// Samples of one series of cancels.
struct Series {
    sent: Latencies,
    verdict: Latencies,
    signaled: Latencies,
    gone: Latencies,
}

/// What one run measured.
struct Run {
    /// Beside the processes.
    few: Series,
    /// Beside the processes and what sessions hold.
    many: Option<Series>,
}

pub(crate) async fn measure(args: &CancelArgs) -> Result<Report> {
    let mut runs = Vec::new();
    for _ in 0..args.place.runs {
        runs.push(run(args).await?);
    }
    Ok(report::of(args, runs))
}

/// Both series have the same processes, so that what differs is what the sessions hold.
async fn run(args: &CancelArgs) -> Result<Run> {
    let target = start(args).await?;
    let local = LocalSet::new();
    let (few, scene) = local.run_until(first(args, &target)).await?;
    let mut run = Run { few, many: None };
    if args.in_process > 0 {
        fill(args.in_process, &target).await?;
        let series = local.run_until(second(args, &target, &scene)).await?;
        run.many = Some(series);
    }
    // What still runs in the set ends with it.
    drop(local);
    target.end().await?;
    Ok(run)
}

/// The processes are spread over as many workers.
async fn start(args: &CancelArgs) -> Result<Target> {
    let slots = args.processes.div_ceil(args.workers);
    let setup = Setup {
        slots: Some(slots),
        handlers: Some(declarations()?),
        ..Setup::default()
    };
    let mut target = Target::start(&args.place.directory()?, &setup).await?;
    for _ in 1..args.workers {
        target.start_worker(slots)?;
    }
    Ok(target)
}

async fn first(args: &CancelArgs, target: &Target) -> Result<(Series, Rc<Scene>)> {
    let scene = Rc::new(Scene::set(args.through, target)?);
    scene.begin(args.processes as usize).await?;
    Ok((series(args, &scene, 0).await?, scene))
}

async fn second(args: &CancelArgs, target: &Target, scene: &Rc<Scene>) -> Result<Series> {
    let mut keeping = JoinSet::new();
    for holder in hold(args.in_process.into(), target).await? {
        keeping.spawn_local(holder.keep());
    }
    let series = series(args, scene, args.count.into()).await?;
    // One that could not keep what it holds would have made the series another one.
    while let Some(ended) = keeping.try_join_next() {
        ended??;
    }
    Ok(series)
}

/// What no handler of a worker takes.
async fn fill(count: u32, target: &Target) -> Result<()> {
    let plan = Plan {
        size: Size {
            count: count.into(),
            batch: 1_000,
            payload: 100,
        },
        through: Through::Batch,
        clients: 2,
        workers: 0,
        claim: 0,
        order: Order::OnlyCreate,
    };
    load::run(plan, target).await.map(drop)
}

/// Cancels at their instants, whatever becomes of those before.
async fn series(args: &CancelArgs, scene: &Rc<Scene>, first: u64) -> Result<Series> {
    let begin = now_ns() + SETTLE_NS;
    let mut running = JoinSet::new();
    for number in 0..u64::from(args.count) {
        let intended_ns = begin + number * args.interval_ms * 1_000_000;
        let scene = Rc::clone(scene);
        wait_until_ns(intended_ns.saturating_sub(PREPARE_NS)).await?;
        running.spawn_local(async move { scene.cancel(first + number, intended_ns).await });
    }
    let mut series = Series {
        sent: Latencies::new(),
        verdict: Latencies::new(),
        signaled: Latencies::new(),
        gone: Latencies::new(),
    };
    while let Some(ended) = running.join_next().await {
        let sample = ended??;
        series.sent.record(sample.intended, sample.sent);
        series.verdict.record(sample.intended, sample.verdict);
        series.signaled.record(sample.intended, sample.signaled);
        series.gone.record(sample.intended, sample.gone);
    }
    Ok(series)
}
