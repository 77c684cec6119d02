//! `taskpilot bench drain`: a backlog is there, and workers work it off.

use anyhow::Result;

use crate::arguments::{DrainArgs, Through};
use crate::load::{Order, Plan, run};
use crate::report::Report;
use crate::target::Target;

pub(crate) async fn measure(args: &DrainArgs) -> Result<Report> {
    let plan = Plan {
        size: args.size,
        through: Through::Batch,
        clients: 2,
        workers: args.workers,
        claim: args.size.batch,
        order: Order::WorkersAfter,
    };
    let mut report = Report::new("drain");
    plan.tell(&mut report);
    let mut runs = Vec::new();
    for _ in 0..args.place.runs {
        let target = Target::open(&args.place, &args.elsewhere).await?;
        runs.push(run(plan, &target).await?);
        target.end().await?;
    }
    let rates =
        |rate: fn(&crate::load::Outcome) -> f64| -> Vec<f64> { runs.iter().map(rate).collect() };
    report.figure("drained", "1/s", &rates(|run| run.finishes), None);
    report.figure("filled", "1/s", &rates(|run| run.creates), None);
    let claims: Vec<_> = runs.into_iter().map(|run| run.claim).collect();
    report.latencies("claim call under full load", &claims, (None, None));
    Ok(report)
}
