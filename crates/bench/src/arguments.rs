//! The command line of `taskpilot bench`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};

/// `taskpilot bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What to measure.
    #[command(subcommand)]
    pub(crate) mode: Mode,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// The floor: the facts of a lifecycle, kept by raw SQL in the fastest layout
    Floor(FloorArgs),
    /// Create, claim and finish over HTTP, with handlers that take no time
    Lifecycle(LifecycleArgs),
    /// A backlog that workers work off
    Drain(DrainArgs),
    /// From the create of something to the begin of its handler, while nothing else goes on
    Dispatch(DispatchArgs),
    /// From a cancel to its verdict, the handler's signal and the end of the process
    Cancel(CancelArgs),
    /// Memory and idle processor time of `taskpilot up`
    Memory(MemoryArgs),
    /// How rates and latencies change with what waits, what runs, who polls and what has ended
    Curve(CurveArgs),
    /// Everything, written down: results.json, README.md and curves.svg
    All(AllArgs),
}

/// Where it is measured, and how often.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Measurement")]
pub(crate) struct Place {
    /// Directory on the file system that is measured; what is written there goes away at the end
    /// [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Runs, each on a new directory: the median and the spread are told
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is measured, where it is there already.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Measurement")]
pub(crate) struct Elsewhere {
    /// Scheduler to measure, instead of a private one that is started for the purpose
    #[arg(long, value_name = "URL")]
    pub(crate) scheduler_url: Option<String>,
    /// Control plane of that scheduler
    #[arg(long, value_name = "URL", requires = "scheduler_url")]
    pub(crate) url: Option<String>,
}

impl Place {
    /// For what has many samples in one run, or moves little: pairs need more runs than that.
    pub(crate) fn few_runs(&self) -> Self {
        Self {
            runs: self.runs.min(3),
            ..self.clone()
        }
    }

    /// The directory that was named, or the current one.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        match &self.dir {
            Some(directory) => Ok(directory.clone()),
            None => std::env::current_dir().context("the current directory is not known"),
        }
    }
}

/// What is created.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Size {
    /// Executions of each run
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,
    /// Executions of one create and of one claim
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) batch: u32,
    /// Bytes of each payload
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=65536))]
    pub(crate) payload: u32,
}

/// `taskpilot bench floor`.
#[derive(Debug, Args)]
pub(crate) struct FloorArgs {
    #[command(flatten)]
    pub(crate) size: Size,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// `taskpilot bench lifecycle`.
#[derive(Debug, Args)]
pub(crate) struct LifecycleArgs {
    #[command(flatten)]
    pub(crate) size: Size,
    /// How executions are created
    #[arg(long, value_enum, default_value_t = Through::Batch)]
    pub(crate) through: Through,
    /// Clients that create at once [default: 2 for batches, 64 for single creates]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) clients: Option<u32>,
    /// Worker sessions that claim and finish
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) workers: u32,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// `taskpilot bench drain`.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    pub(crate) size: Size,
    /// Worker sessions that claim and finish
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) workers: u32,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// `taskpilot bench dispatch`; always on a private TaskPilot.
#[derive(Debug, Clone, Args)]
pub(crate) struct DispatchArgs {
    /// Creates of each run
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,
    /// Milliseconds between them
    #[arg(long, value_name = "MS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) interval_ms: u64,
    /// What the worker runs
    #[arg(long, value_enum, default_value_t = Handler::InProcess)]
    pub(crate) handler: Handler,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// What a worker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Handler {
    /// Code inside the worker
    InProcess,
    /// A program under a supervisor: two processes are started
    Command,
}

/// `taskpilot bench cancel`; always on a private TaskPilot.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// Processes that run all the time
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) processes: u32,
    /// Attempts that sessions of the load generator hold beside them in a second series of cancels,
    /// which is compared with the first; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 9_000, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) in_process: u32,
    /// Workers that run the processes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) workers: u32,
    /// Cancels of each series
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// Milliseconds between them
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) interval_ms: u64,
    /// Whom the cancels are sent to
    #[arg(long, value_enum, default_value_t = Entrance::Control)]
    pub(crate) through: Entrance,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Which service is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Entrance {
    /// The scheduler
    Scheduler,
    /// The control plane, as a user does
    Control,
}

/// `taskpilot bench memory`; always on a private TaskPilot.
#[derive(Debug, Args)]
pub(crate) struct MemoryArgs {
    /// Executions that wait
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) waiting: u64,
    /// Connections, of which three of four wait for work
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) connections: u32,
    /// Seconds over which the idle processor time is taken
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: u64,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// `taskpilot bench curve`; always on a private TaskPilot.
#[derive(Debug, Clone, Args)]
pub(crate) struct CurveArgs {
    /// Part of the full sizes: 1,000,000 that wait, 10,000 that run, 1,000 workers, 5,000,000 that
    /// have ended
    #[arg(long, value_name = "PART", default_value_t = 1.0, value_parser = part)]
    pub(crate) scale: f64,
    /// Write the curves as a picture (SVG)
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Lifecycles of each run at each point
    #[command(flatten)]
    pub(crate) size: Size,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// `taskpilot bench all`; never on a `TaskPilot` that was there before.
#[derive(Debug, Args)]
pub(crate) struct AllArgs {
    /// Directory of the results
    #[arg(long, value_name = "DIR", default_value = "docs/benchmarks")]
    pub(crate) out: PathBuf,
    /// A hundredth of the sizes: shows that everything can be measured, and no figure to rely on
    #[arg(long)]
    pub(crate) quick: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

fn part(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > 0.0 && number <= 1.0 {
        Ok(number)
    } else {
        Err("above 0 and at most 1".to_owned())
    }
}

/// How executions are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Through {
    /// In batches at the scheduler, beside the workers
    Batch,
    /// One by one at the scheduler, and only then worked off
    Scheduler,
    /// One by one at the control plane, created and bound in one call, and only then worked off
    Control,
}

impl BenchArgs {
    /// How the report is to be printed.
    pub fn format(&self) -> Format {
        if self.mode.place().json {
            Format::Json
        } else {
            Format::Table
        }
    }
}

impl Mode {
    fn place(&self) -> &Place {
        match self {
            Self::Floor(args) => &args.place,
            Self::Lifecycle(args) => &args.place,
            Self::Drain(args) => &args.place,
            Self::Dispatch(args) => &args.place,
            Self::Cancel(args) => &args.place,
            Self::Memory(args) => &args.place,
            Self::Curve(args) => &args.place,
            Self::All(args) => &args.place,
        }
    }
}
