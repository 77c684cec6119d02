//! `taskpilot bench all`: every measurement, one after the other.

use anyhow::{Context, Result};

use crate::arguments::{
    AllArgs, CancelArgs, CurveArgs, DispatchArgs, DrainArgs, Elsewhere, Entrance, FloorArgs,
    Handler, LifecycleArgs, MemoryArgs, Place, Size, Through,
};
use crate::report::Report;
use crate::{cancel, curve, dispatch, drain, floor, lifecycle, memory, page};

/// One measurement.
#[derive(Debug, Clone, Copy)]
enum Part {
    Floor,
    Lifecycle(Through),
    Drain,
    Dispatch(Handler),
    Cancel(Beside),
    Memory,
    Curve,
}

/// What a cancel is measured beside.
#[derive(Debug, Clone, Copy)]
enum Beside {
    /// A thousand processes, then ten times as much; at the control plane.
    Much,
    /// A thousand processes, at the scheduler.
    MuchAtTheScheduler,
    /// Ten processes.
    Little,
    /// Processes of several workers.
    SeveralWorkers,
}

const PARTS: [Part; 13] = [
    Part::Floor,
    Part::Lifecycle(Through::Batch),
    Part::Lifecycle(Through::Scheduler),
    Part::Lifecycle(Through::Control),
    Part::Drain,
    Part::Dispatch(Handler::InProcess),
    Part::Dispatch(Handler::Command),
    Part::Cancel(Beside::Much),
    Part::Cancel(Beside::MuchAtTheScheduler),
    Part::Cancel(Beside::Little),
    Part::Cancel(Beside::SeveralWorkers),
    Part::Memory,
    Part::Curve,
];

/// Writes the pages after each measurement: what was found is kept when a later one fails.
pub(crate) async fn measure(args: &AllArgs) -> Result<Report> {
    let plan = Plan::of(args);
    let mut reports = Vec::new();
    for part in PARTS {
        let report = plan.measure(part).await.with_context(|| {
            let (number, out) = (reports.len() + 1, args.out.display());
            format!(
                "measurement {number} of {} failed ({part:?}); those before it are in {out}",
                PARTS.len()
            )
        })?;
        reports.push(report);
        page::write(args, &reports, PARTS.len())?;
    }
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
    quick: bool,
}

impl Plan {
    fn of(args: &AllArgs) -> Self {
        let mut plan = Self {
            place: args.place.clone(),
            size: Size {
                count: 200_000,
                batch: 500,
                payload: 100,
            },
            quick: args.quick,
        };
        plan.size.count = plan.part(plan.size.count);
        plan
    }

    /// So many, or the hundredth of it.
    fn part(&self, count: u64) -> u64 {
        if self.quick { count / 100 } else { count }
    }

    /// So many of what is slow to begin, or the twentieth of it.
    fn few(&self, count: u32) -> u32 {
        if self.quick { count / 20 } else { count }
    }

    async fn measure(&self, part: Part) -> Result<Report> {
        match part {
            Part::Floor => floor::measure(&self.floor()).await,
            Part::Lifecycle(through) => lifecycle::measure(&self.lifecycle(through)).await,
            Part::Drain => drain::measure(&self.drain()).await,
            Part::Dispatch(handler) => dispatch::measure(&self.dispatch(handler)).await,
            Part::Cancel(beside) => cancel::measure(&self.cancel(beside)).await,
            Part::Memory => memory::measure(&self.memory()).await,
            Part::Curve => curve::measure(&self.curve()).await,
        }
    }

    fn floor(&self) -> FloorArgs {
        FloorArgs {
            size: self.size,
            place: self.place.clone(),
        }
    }

    fn lifecycle(&self, through: Through) -> LifecycleArgs {
        let count = match through {
            Through::Batch => self.size.count,
            Through::Scheduler => self.part(50_000),
            Through::Control => self.part(20_000),
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

    fn drain(&self) -> DrainArgs {
        DrainArgs {
            size: self.size,
            workers: 2,
            elsewhere: Elsewhere::default(),
            place: self.place.clone(),
        }
    }

    fn dispatch(&self, handler: Handler) -> DispatchArgs {
        let (count, interval_ms) = match handler {
            Handler::InProcess => (1_000, 20),
            Handler::Command => (500, 50),
        };
        DispatchArgs {
            count: self.part(count),
            interval_ms,
            handler,
            place: self.place.few_runs(),
        }
    }

    fn cancel(&self, beside: Beside) -> CancelArgs {
        let alone = CancelArgs {
            processes: self.few(1_000),
            in_process: 0,
            workers: 1,
            count: self.few(200),
            interval_ms: 100,
            through: Entrance::Control,
            place: self.place.few_runs(),
        };
        match beside {
            Beside::Much => CancelArgs {
                in_process: self.few(9_000),
                ..alone
            },
            Beside::MuchAtTheScheduler => CancelArgs {
                through: Entrance::Scheduler,
                ..alone
            },
            Beside::Little => CancelArgs {
                processes: 10,
                ..alone
            },
            Beside::SeveralWorkers => CancelArgs {
                processes: self.few(400),
                workers: 4,
                ..alone
            },
        }
    }

    fn memory(&self) -> MemoryArgs {
        MemoryArgs {
            waiting: self.part(1_000_000),
            connections: self.few(1_000),
            seconds: if self.quick { 1 } else { 20 },
            place: self.place.few_runs(),
        }
    }

    fn curve(&self) -> CurveArgs {
        CurveArgs {
            scale: if self.quick { 0.001 } else { 1.0 },
            plot: None,
            size: Size {
                count: self.part(50_000),
                ..self.size
            },
            place: self.place.clone(),
        }
    }
}
