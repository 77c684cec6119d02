//! `taskpilot bench lifecycle`: create, claim and finish over HTTP. In batches all three go on at
//! once; single creates are measured alone and worked off afterwards.

use anyhow::Result;

use crate::arguments::{LifecycleArgs, Through};
use crate::floor;
use crate::load::{Order, Outcome, Plan, run};
use crate::report::{Goal, Report};
use crate::target::Target;

pub(crate) async fn measure(args: &LifecycleArgs) -> Result<Report> {
    let plan = args.plan();
    let mut report = Report::new(match args.through {
        Through::Batch => "lifecycle",
        Through::Scheduler => "lifecycle, single creates",
        Through::Control => "lifecycle, single creates and binds",
    });
    plan.tell(&mut report);
    let (mut runs, mut floors) = (Vec::new(), Vec::new());
    for number in 0..args.place.runs {
        if args.through == Through::Batch && args.elsewhere.scheduler_url.is_none() {
            let parent = args.place.directory()?;
            floors.push(floor::rate(&parent, plan.size, number.into()).await?);
        }
        let target = Target::open(&args.place, &args.elsewhere).await?;
        runs.push(run(plan, &target).await?);
        target.end().await?;
    }
    tell(&mut report, args.through, &runs, &floors);
    let (creates, claims): (Vec<_>, Vec<_>) =
        runs.into_iter().map(|run| (run.create, run.claim)).unzip();
    report.latencies("create call under full load", &creates, (None, None));
    report.latencies("claim call under full load", &claims, (None, None));
    Ok(report)
}

fn tell(report: &mut Report, through: Through, runs: &[Outcome], floors: &[f64]) {
    let creates: Vec<f64> = runs.iter().map(|run| run.creates).collect();
    match through {
        Through::Batch => {
            let rates: Vec<f64> = runs.iter().map(|run| run.lifecycles).collect();
            // Each run and the floor before it are a pair: the machine is as busy for both.
            let ratios: Vec<f64> = rates.iter().zip(floors).map(|(l, f)| l / f).collect();
            let least = |bound| Some(Goal::AtLeast(bound));
            report.figure("lifecycles", "1/s", &rates, least(50_000.0));
            report.figure("floor", "1/s", floors, None);
            report.figure("lifecycles as a part of the floor", "", &ratios, least(0.4));
        }
        Through::Scheduler => {
            let goal = Some(Goal::AtLeast(5_000.0));
            report.figure("single creates at the scheduler", "1/s", &creates, goal);
        }
        Through::Control => {
            let goal = Some(Goal::AtLeast(2_500.0));
            report.figure("creates and binds in one call", "1/s", &creates, goal);
            let bound: Vec<f64> = runs.iter().map(|run| run.bound_percent).collect();
            report.figure("of the creates, bound when answered", "%", &bound, None);
        }
    }
}

impl LifecycleArgs {
    fn plan(&self) -> Plan {
        let together = self.through == Through::Batch;
        Plan {
            size: self.size,
            through: self.through,
            clients: self.clients.unwrap_or(if together { 2 } else { 64 }),
            workers: self.workers,
            claim: self.size.batch,
            order: if together {
                Order::Together
            } else {
                Order::WorkersAfter
            },
        }
    }
}

impl Plan {
    /// What was asked for, in a report.
    pub(crate) fn tell(&self, report: &mut Report) {
        self.size.tell(report);
        report.setting("clients", self.clients);
        report.setting("workers", self.workers);
    }
}
