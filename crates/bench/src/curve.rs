//! `taskpilot bench curve`: how rates and latencies change while one thing grows and the rest stays.

use anyhow::{Context, Result};

use crate::arguments::{CurveArgs, Size, Through};
use crate::hold::hold;
use crate::latency::Latencies;
use crate::load::{Order, Outcome, Plan, run};
use crate::plot;
use crate::report::{Curve, Goal, Point, Report, median};
use crate::target::{Setup, Target};

/// Longer than any measurement: what is held for it gives no sign of life.
const LEASE_MS: u64 = 600_000;

const WAITING: &[u64] = &[0, 10_000, 100_000, 1_000_000];
const RUNNING: &[u64] = &[0, 100, 1_000, 10_000];
const WORKERS: &[u64] = &[1, 10, 100, 1_000];
const HISTORY: &[u64] = &[0, 100_000, 1_000_000, 5_000_000];

pub(crate) async fn measure(args: &CurveArgs) -> Result<Report> {
    let mut report = Report::new("curve");
    args.size.tell(&mut report);
    report.setting("scale", args.scale);
    report.setting("pairsBeforeBacklog", args.place.runs);
    report.setting("runsPerPoint", args.place.few_runs().runs);
    waiting(args, &mut report).await?;
    running(args, &mut report).await?;
    workers(args, &mut report).await?;
    history(args, &mut report).await?;
    if let Some(path) = &args.plot {
        std::fs::write(path, plot::svg(report.curves()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report)
}

impl CurveArgs {
    /// The sizes of a curve, each once.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a part of a number of few digits is no larger, and not negative"
    )]
    fn scaled(&self, full: &[u64]) -> Vec<u64> {
        let scale = |size: &u64| (*size as f64 * self.scale).ceil() as u64;
        let mut sizes: Vec<u64> = full.iter().map(scale).collect();
        sizes.dedup();
        sizes
    }

    fn plan(&self, order: Order) -> Plan {
        Plan {
            size: self.size,
            through: Through::Batch,
            clients: 2,
            workers: 2,
            claim: self.size.batch,
            order,
        }
    }

    async fn start(&self) -> Result<Target> {
        let setup = Setup {
            lease_ms: Some(LEASE_MS),
            ..Setup::default()
        };
        Target::start(&self.place.directory()?, &setup).await
    }

    /// So many executions more.
    async fn fill(&self, count: u64, order: Order, target: &Target) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let size = Size { count, ..self.size };
        let plan = Plan {
            size,
            ..self.plan(order)
        };
        run(plan, target).await.map(drop)
    }

    /// The runs of one point that has no pairs.
    async fn runs(&self, plan: Plan, target: &Target) -> Result<Vec<Outcome>> {
        let mut runs = Vec::new();
        for _ in 0..self.place.few_runs().runs {
            runs.push(run(plan, target).await?);
        }
        Ok(runs)
    }
}

/// The points of two curves: of the rate, and of the claim's p99.
struct Points {
    over: &'static str,
    rates: Vec<Point>,
    claims: Vec<Point>,
}

impl Points {
    fn new(over: &'static str) -> Self {
        Self {
            over,
            rates: Vec::new(),
            claims: Vec::new(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a size has few digits")]
    fn add(&mut self, x: u64, runs: &[Outcome], rate: fn(&Outcome) -> f64) {
        let middle = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            median(&values)
        };
        let p99 = |claim: &Latencies| claim.quantile_ms(0.99);
        let point = |y| Point { x: x as f64, y };
        self.rates
            .push(point(middle(runs.iter().map(rate).collect())));
        let claims = runs.iter().map(|run| p99(&run.claim)).collect();
        self.claims.push(point(middle(claims)));
    }

    fn tell(self, report: &mut Report, name: &'static str) {
        let over = self.over;
        report.curve(Curve {
            name,
            over,
            unit: "1/s",
            points: self.rates,
        });
        report.curve(Curve {
            name: "claim p99",
            over,
            unit: "ms",
            points: self.claims,
        });
    }
}

/// What is claimed stands before a backlog that grows. Each run has its pair on an empty database.
async fn waiting(args: &CurveArgs, report: &mut Report) -> Result<()> {
    let (empty, full) = (args.start().await?, args.start().await?);
    let plan = args.plan(Order::WorkersAfter);
    let mut points = Points::new("executions waiting behind");
    let (mut there, mut ratios) = (0, Vec::new());
    for size in args.scaled(WAITING) {
        args.fill(size - there, Order::OnlyCreate, &full).await?;
        there = size;
        let mut runs = Vec::new();
        ratios.clear();
        for _ in 0..args.place.runs {
            let without = run(plan, &empty).await?;
            let with = run(plan, &full).await?;
            ratios.push(with.finishes / without.finishes);
            runs.push(with);
        }
        points.add(size, &runs, |run| run.finishes);
    }
    let name = format!("claim rate with {there} waiting as a part of that with none");
    report.figure(name, "", &ratios, Some(Goal::AtLeast(0.85)));
    points.tell(report, "claimed and finished");
    empty.end().await?;
    full.end().await
}

/// Others hold what runs. Each point has a new database: on one for all, what has ended would grow too.
async fn running(args: &CurveArgs, report: &mut Report) -> Result<()> {
    let mut points = Points::new("executions running");
    for size in args.scaled(RUNNING) {
        let target = args.start().await?;
        args.fill(size, Order::OnlyCreate, &target).await?;
        let holders = hold(size, &target).await?;
        let runs = args.runs(args.plan(Order::Together), &target).await?;
        points.add(size, &runs, |run| run.lifecycles);
        drop(holders);
        target.end().await?;
    }
    points.tell(report, "lifecycles");
    Ok(())
}

/// The same work for more and more workers, each of which takes ten at a time and waits when there
/// is nothing. Each point has a new database too.
async fn workers(args: &CurveArgs, report: &mut Report) -> Result<()> {
    let mut points = Points::new("workers");
    for workers in args.scaled(WORKERS) {
        let target = args.start().await?;
        let plan = Plan {
            workers: u32::try_from(workers)?,
            claim: 10,
            ..args.plan(Order::Together)
        };
        let runs = args.runs(plan, &target).await?;
        points.add(workers, &runs, |run| run.lifecycles);
        target.end().await?;
    }
    points.tell(report, "lifecycles");
    Ok(())
}

/// What has ended is kept, that of the runs too: a point stands where its first run began.
async fn history(args: &CurveArgs, report: &mut Report) -> Result<()> {
    let target = args.start().await?;
    let plan = args.plan(Order::Together);
    let mut points = Points::new("executions ended before");
    let mut there = 0;
    for size in args.scaled(HISTORY) {
        let missing = size.saturating_sub(there);
        args.fill(missing, Order::Together, &target).await?;
        there += missing;
        let runs = args.runs(plan, &target).await?;
        points.add(there, &runs, |run| run.lifecycles);
        there += plan.size.count * runs.len() as u64;
    }
    points.tell(report, "lifecycles");
    target.end().await
}
