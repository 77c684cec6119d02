//! What the runs say: each stage, and how much longer it takes beside more that runs.

use super::{Run, Series};
use crate::arguments::{CancelArgs, Entrance};
use crate::latency::Latencies;
use crate::report::{Goal, Report};

/// Fewer processes than this are few.
const FEW: u32 = 50;
/// How much longer a stage may take beside ten times as much that runs.
const TIMES_MAX: f64 = 1.5;

/// One stage of a cancel.
struct Stage {
    name: &'static str,
    of: fn(&Series) -> &Latencies,
    /// At most so many milliseconds, for p50 and p99.
    goals: (Option<f64>, Option<f64>),
}

const STAGES: [Stage; 3] = [
    Stage {
        name: "request to verdict",
        of: |series| &series.verdict,
        goals: (Some(1.5), Some(5.0)),
    },
    Stage {
        name: "request to handler signaled",
        of: |series| &series.signaled,
        goals: (Some(2.5), Some(8.0)),
    },
    Stage {
        name: "request to process gone",
        of: |series| &series.gone,
        goals: (None, Some(20.0)),
    },
];

pub(super) fn of(args: &CancelArgs, runs: Vec<Run>) -> Report {
    let mut report = Report::new(mode(args));
    report.setting("processes", args.processes);
    report.setting("inProcess", args.in_process);
    report.setting("workers", args.workers);
    report.setting("count", args.count);
    report.setting("intervalMs", args.interval_ms);
    let (few, many): (Vec<Series>, Vec<Option<Series>>) =
        runs.into_iter().map(|run| (run.few, run.many)).unzip();
    let many: Vec<Series> = many.into_iter().flatten().collect();
    let most = |bound: Option<f64>| bound.map(Goal::AtMost);
    for Stage { name, of, goals } in &STAGES {
        let goals = (most(goals.0), most(goals.1));
        report.latencies(name, few.iter().map(of), goals);
    }
    let none = (None, None);
    report.latencies(
        "lateness of the sends",
        few.iter().map(|one| &one.sent),
        none,
    );
    if many.is_empty() {
        return report;
    }
    let beside = format!("beside {} more", args.in_process);
    for Stage { name, of, .. } in &STAGES {
        report.latencies(&format!("{name}, {beside},"), many.iter().map(of), none);
    }
    let late = format!("lateness of the sends, {beside},");
    report.latencies(&late, many.iter().map(|one| &one.sent), none);
    for Stage { name, of, goals } in &STAGES {
        for (word, quantile, goal) in [("p50", 0.5, goals.0), ("p99", 0.99, goals.1)] {
            let pairs = few.iter().zip(&many);
            let times = pairs
                .map(|(few, many)| of(many).quantile_ms(quantile) / of(few).quantile_ms(quantile));
            let times: Vec<f64> = times.collect();
            let goal = goal.map(|_| Goal::AtMost(TIMES_MAX));
            let name = format!("{name} {word} {beside}, as a multiple of that without");
            report.figure(name, "", &times, goal);
        }
    }
    report
}

fn mode(args: &CancelArgs) -> &'static str {
    match args.through {
        Entrance::Scheduler => "cancel at the scheduler",
        Entrance::Control if args.workers > 1 => "cancel with several workers",
        Entrance::Control if args.processes < FEW => "cancel with little that runs",
        Entrance::Control => "cancel",
    }
}
