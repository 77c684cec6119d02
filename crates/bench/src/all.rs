//! `taskpilot bench all`: every measurement, and the pages that show what was found.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::arguments::{
    AllArgs, CancelArgs, CurveArgs, DispatchArgs, DrainArgs, Elsewhere, Entrance, FloorArgs,
    Handler, LifecycleArgs, MemoryArgs, Place, Size, Through,
};
use crate::machine::file_system_of;
use crate::report::Report;
use crate::{cancel, curve, dispatch, drain, floor, lifecycle, memory, plot};

/// Written to the page of the results, before the tables.
const METHOD: &str = "\
Written by `make bench`, which is `taskpilot bench all`; by hand nothing is changed here.

Load generator, services, workers and databases share the machine.
Each run has a private `taskpilot up` on a new directory; a write is acknowledged when it is on the disk (`synchronous=FULL`).
A figure is the median of its runs, with the least and the largest beside it; the part of the floor is the median of pairs that are measured one after the other.
Latencies count from the instant at which a call was meant to be sent; those \"under full load\" are of callers that send the next call when the last one is answered.
Memory is what is resident without the pages of files.
";

pub(crate) async fn measure(args: &AllArgs) -> Result<Report> {
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let reports = Plan::of(args).measure().await?;
    write(&args.out, args, &reports)?;
    let mut all = Report::new("all");
    for report in reports {
        all.absorb(report);
    }
    Ok(all)
}

/// How large everything is.
struct Plan {
    place: Place,
    size: Size,
    singles: u64,
    dispatches: u64,
    processes: u32,
    cancels: u32,
    waiting: u64,
    connections: u32,
    idle_seconds: u64,
    scale: f64,
}

impl Plan {
    fn of(args: &AllArgs) -> Self {
        let part = if args.quick { 100 } else { 1 };
        let few = if args.quick { 20 } else { 1 };
        Self {
            place: args.place.clone(),
            size: Size {
                count: 200_000 / part,
                batch: 500,
                payload: 100,
            },
            singles: 50_000 / part,
            dispatches: 1_000 / part,
            processes: 1_000 / few,
            cancels: 200 / few,
            waiting: 1_000_000 / part,
            connections: 1_000 / few,
            idle_seconds: if args.quick { 1 } else { 30 },
            scale: if args.quick { 0.001 } else { 1.0 },
        }
    }

    async fn measure(&self) -> Result<Vec<Report>> {
        let floor_args = FloorArgs {
            size: self.size,
            place: self.place.clone(),
        };
        let mut reports = vec![floor::measure(&floor_args).await?];
        for through in [Through::Batch, Through::Scheduler, Through::Control] {
            reports.push(lifecycle::measure(&self.lifecycle(through)).await?);
        }
        let drain_args = DrainArgs {
            size: self.size,
            workers: 2,
            elsewhere: Elsewhere::default(),
            place: self.place.clone(),
        };
        reports.push(drain::measure(&drain_args).await?);
        for handler in [Handler::InProcess, Handler::Command] {
            reports.push(dispatch::measure(&self.dispatch(handler)).await?);
        }
        for through in [Entrance::Control, Entrance::Scheduler] {
            reports.push(cancel::measure(&self.cancel(through)).await?);
        }
        reports.push(memory::measure(&self.memory()).await?);
        reports.push(curve::measure(&self.curve()).await?);
        Ok(reports)
    }

    fn lifecycle(&self, through: Through) -> LifecycleArgs {
        let count = match through {
            Through::Batch => self.size.count,
            Through::Scheduler | Through::Control => self.singles,
        };
        LifecycleArgs {
            size: Size { count, ..self.size },
            through,
            clients: None,
            workers: 2,
            elsewhere: Elsewhere::default(),
            place: self.place.clone(),
        }
    }

    fn dispatch(&self, handler: Handler) -> DispatchArgs {
        DispatchArgs {
            count: self.dispatches,
            interval_ms: match handler {
                Handler::InProcess => 20,
                Handler::Command => 50,
            },
            handler,
            place: self.place.clone(),
        }
    }

    fn cancel(&self, through: Entrance) -> CancelArgs {
        CancelArgs {
            processes: self.processes,
            count: self.cancels,
            interval_ms: 100,
            through,
            place: self.few_runs(),
        }
    }

    fn memory(&self) -> MemoryArgs {
        MemoryArgs {
            waiting: self.waiting,
            connections: self.connections,
            seconds: self.idle_seconds,
            place: self.few_runs(),
        }
    }

    fn curve(&self) -> CurveArgs {
        CurveArgs {
            scale: self.scale,
            plot: None,
            size: Size {
                count: self.size.count / 4,
                ..self.size
            },
            place: self.place.clone(),
        }
    }

    /// Where one run has many samples, or moves little and takes minutes.
    fn few_runs(&self) -> Place {
        Place {
            runs: self.place.runs.min(3),
            ..self.place.clone()
        }
    }
}

fn write(out: &Path, args: &AllArgs, reports: &[Report]) -> Result<()> {
    let put = |name: &str, text: String| {
        let path = out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    let json = serde_json::to_string_pretty(reports)? + "\n";
    put("results.json", json)?;
    let curves: Vec<_> = reports.iter().flat_map(Report::curves).cloned().collect();
    put("curves.svg", plot::svg(&curves))?;
    put("README.md", page(args, reports)?)
}

/// The page of the results.
fn page(args: &AllArgs, reports: &[Report]) -> Result<String> {
    let mut text = format!("# Benchmarks\n\n{METHOD}\n");
    if args.quick {
        text.push_str(
            "This is a quick run: its figures show that all can be measured, no more.\n\n",
        );
    }
    if let Some(report) = reports.first() {
        let machine = serde_json::to_value(report.machine())?;
        text.push_str("| Machine | |\n|---|---|\n");
        for (name, value) in machine.as_object().into_iter().flatten() {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            writeln!(text, "| {name} | {value} |")?;
        }
        let file_system = file_system_of(&args.place.directory()?);
        writeln!(text, "| file system | {file_system} |")?;
    }
    for report in reports {
        let settings: Vec<String> = report
            .settings()
            .iter()
            .map(|(name, value)| format!("`{name}` {value}"))
            .collect();
        writeln!(text, "\n## {}\n", report.mode())?;
        writeln!(text, "Settings: {}.\n", settings.join(", "))?;
        text.push_str(&report.table());
    }
    text.push_str("\n![The curves of growth](curves.svg)\n");
    Ok(text)
}
