//! The command line, as `--help` shows it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use taskpilot_bench::BenchArgs;

use crate::commands::backup::BackupArgs;
use crate::commands::cancellation::CancellationCommand;
use crate::commands::config::ConfigCommand;
use crate::commands::execution::ExecutionCommand;
use crate::commands::latency::LatencyCommand;
use crate::commands::queue::QueueCommand;
use crate::commands::restore::RestoreArgs;
use crate::commands::task::TaskCommand;
use crate::commands::worker::WorkerCommand;
use crate::config::Environment;
use crate::output::Format;
use crate::version;

const MORE: &str = "\
Exit codes:
    0  what was asked for is so
    1  error
    2  usage: the command line, the configuration or the request is wrong
    3  not found
    4  not allowed
    5  conflict: its state does not allow it
    6  the wait ran out
    7  another process owns the data directory
    8  the address is refused or taken
    9  the data was written by a newer release
   10  the task that was waited for failed
   11  the task that was waited for was canceled
   12  canceled, and nobody can prove that the work has ended
   13  canceled, and the work could not be ended: it may still run
   14  canceled, and the cleanup failed that is owed for it
  130  ended by Ctrl-C

Environment:
  NO_COLOR       no colours, if it is not empty
  TASKPILOT_LOG  what the roles log, such as `debug` or `taskpilot_worker=debug` [default: info]";

/// Create tasks, bind them to a scheduler, watch workers run them, and stop them for certain.
#[derive(Debug, Parser)]
#[command(name = "taskpilot", version, long_version = version::long(), after_long_help = MORE, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Settings file [default: ~/.config/taskpilot/config.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "TASKPILOT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// Reads the command line and the variables that stand in for options. As everywhere, a
    /// variable that is empty counts as unset.
    pub(crate) fn read(line: Vec<OsString>) -> Self {
        let matches = Self::with_variables().get_matches_from(line);
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The parser, with those variables that count.
    pub(crate) fn with_variables() -> clap::Command {
        without_empty_variables(Self::command())
    }
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let set = |argument: Arg| {
        let empty = argument.get_env().is_some_and(Environment::is_empty);
        if empty {
            argument.env(None::<&str>)
        } else {
            argument
        }
    };
    command
        .mut_args(set)
        .mut_subcommands(without_empty_variables)
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run control plane, scheduler and worker in one process, on an embedded database
    Up(UpArgs),
    /// Run the control plane
    Control(ControlArgs),
    /// Run the scheduler
    Scheduler(SchedulerArgs),
    /// Run a worker, or list the workers
    Worker(WorkerArgs),
    /// Create, list, bind, cancel and watch tasks
    Task(TaskArgs),
    /// Look at executions
    Execution(ExecutionArgs),
    /// List cancels of many, look at them, and give them up
    Cancellation(CancellationArgs),
    /// Copy the databases of a data directory into a file, also while they are in use
    Backup(BackupArgs),
    /// Make a data directory of a backup
    Restore(RestoreArgs),
    /// Show settings and where they come from
    Config(ConfigArgs),
    /// Print the completions of a shell: `source <(taskpilot completions bash)`
    Completions(CompletionsArgs),
    /// List, limit, pause and resume queues
    Queue(QueueArgs),
    /// Tell how long things take
    Latency(LatencyArgs),
    /// Measure TaskPilot on this machine
    Bench(BenchArgs),
}

impl Command {
    /// How it prints what it has to say, errors too.
    pub(crate) fn format(&self) -> Format {
        let json = match self {
            Self::Up(_) | Self::Control(_) | Self::Scheduler(_) | Self::Completions(_) => false,
            Self::Worker(worker) => worker.command.as_ref().is_some_and(|c| c.client().json),
            Self::Task(task) => task.command.client().json,
            Self::Execution(execution) => execution.command.client().json,
            Self::Cancellation(cancellation) => cancellation.command.client().json,
            Self::Queue(queue) => queue.command.client().json,
            Self::Latency(latency) => latency.command.client().json,
            Self::Backup(backup) => backup.json,
            Self::Restore(restore) => restore.json,
            Self::Config(ConfigArgs {
                command: ConfigCommand::Show(show),
            }) => show.json,
            Self::Bench(bench) => bench.format() == taskpilot_bench::Format::Json,
        };
        if json { Format::Json } else { Format::Text }
    }
}

/// `taskpilot config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// `taskpilot completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `taskpilot up`.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Address of the control plane; port 0 takes a free one [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR", env = "TASKPILOT_CONTROL")]
    pub(crate) control: Option<String>,
    /// Address of the scheduler; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "TASKPILOT_SCHEDULER")]
    pub(crate) scheduler: Option<String>,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    #[command(flatten)]
    pub(crate) lease: LeaseArgs,
    #[command(flatten)]
    pub(crate) retention: RetentionArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
}

/// `taskpilot control`.
#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR", env = "TASKPILOT_LISTEN")]
    pub(crate) listen: Option<String>,
    #[command(flatten)]
    pub(crate) scheduler: SchedulerUrlArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
}

/// `taskpilot scheduler`.
#[derive(Debug, Args)]
pub(crate) struct SchedulerArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "TASKPILOT_LISTEN")]
    pub(crate) listen: Option<String>,
    #[command(flatten)]
    pub(crate) lease: LeaseArgs,
    #[command(flatten)]
    pub(crate) retention: RetentionArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
}

/// `taskpilot worker`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    pub(crate) role: WorkerRoleArgs,
    #[command(subcommand)]
    pub(crate) command: Option<WorkerCommand>,
}

/// A worker as a role.
#[derive(Debug, Args)]
pub(crate) struct WorkerRoleArgs {
    #[command(flatten)]
    pub(crate) scheduler: SchedulerUrlArgs,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    /// Directory of the worker's journal of what it started; one worker owns it
    /// [default: ~/.local/share/taskpilot/worker-1, or the first number that is free]
    #[arg(long, value_name = "DIR", env = "TASKPILOT_DATA")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
}

/// Where the databases are.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Directory of the databases; one process per role owns it
    /// [default: ~/.local/share/taskpilot]
    #[arg(long, value_name = "DIR", env = "TASKPILOT_DATA")]
    pub(crate) data: Option<PathBuf>,
}

/// Where the scheduler is.
#[derive(Debug, Args)]
pub(crate) struct SchedulerUrlArgs {
    #[arg(
        long,
        value_name = "URL",
        env = "TASKPILOT_SCHEDULER_URL",
        help = "Address of the scheduler [default: http://127.0.0.1:8080]"
    )]
    pub(crate) scheduler_url: Option<String>,
}

/// What a worker runs.
#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Handlers file (TOML): the commands this worker may run, beside the built-in demos
    #[arg(long, value_name = "FILE", env = "TASKPILOT_HANDLERS")]
    pub(crate) handlers: Option<PathBuf>,
    /// Attempts to run at once [default: 4]
    #[arg(long, value_name = "N", env = "TASKPILOT_SLOTS")]
    pub(crate) slots: Option<u32>,
    /// Queues to take from, with commas between them [default: default]
    #[arg(
        long,
        value_name = "NAMES",
        env = "TASKPILOT_QUEUES",
        value_delimiter = ','
    )]
    pub(crate) queues: Option<Vec<String>>,
    /// What encloses the processes of an attempt [default: auto]
    ///
    /// `auto` is a control group (version 2) of its own where this machine lets the worker make one,
    /// beside the supervisor; `subreaper` is the supervisor alone. `worker list` says what it is.
    #[arg(long, value_name = "LEVEL", env = "TASKPILOT_CONTAINMENT")]
    pub(crate) containment: Option<String>,
    /// Name of the worker, for people [default: host name and process id]
    #[arg(long, value_name = "NAME", env = "TASKPILOT_NAME")]
    pub(crate) name: Option<String>,
}

/// How long a silent worker keeps its work.
#[derive(Debug, Args)]
pub(crate) struct LeaseArgs {
    /// Length of a worker's lease in milliseconds, 3000 to 600000 [default: 30000]
    #[arg(long, value_name = "MS", env = "TASKPILOT_LEASE_MS")]
    pub(crate) lease_ms: Option<u64>,
}

/// How long what is final is kept.
#[derive(Debug, Args)]
pub(crate) struct RetentionArgs {
    /// Days that the history of executions is kept, 1 to 3660 [default: 30]
    #[arg(long, value_name = "DAYS", env = "TASKPILOT_HISTORY_DAYS")]
    pub(crate) history_days: Option<u64>,
}

/// How long an orderly end may take.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// Time for the whole orderly end, in milliseconds [default: 10000]
    ///
    /// A worker takes no new work at once and lets what runs go on for half of it, or longer
    /// where less grace is needed. Then comes SIGTERM, after up to three tenths SIGKILL, and what
    /// was interrupted is handed back uncounted before the time is over. Open calls get what is
    /// left. Less than 2000 counts as 2000, but SIGTERM comes after half of what was said. A
    /// second SIGTERM leaves running work no more time; a second Ctrl-C ends at once.
    #[arg(long, value_name = "MS", env = "TASKPILOT_DRAIN_MS")]
    pub(crate) drain_ms: Option<u64>,
}

/// `taskpilot task`.
#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    #[command(subcommand)]
    pub(crate) command: TaskCommand,
}

/// `taskpilot execution`.
#[derive(Debug, Args)]
pub(crate) struct ExecutionArgs {
    #[command(subcommand)]
    pub(crate) command: ExecutionCommand,
}

/// `taskpilot cancellation`.
#[derive(Debug, Args)]
pub(crate) struct CancellationArgs {
    #[command(subcommand)]
    pub(crate) command: CancellationCommand,
}

/// `taskpilot queue`.
#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    #[command(subcommand)]
    pub(crate) command: QueueCommand,
}

/// `taskpilot latency`.
#[derive(Debug, Args)]
pub(crate) struct LatencyArgs {
    #[command(subcommand)]
    pub(crate) command: LatencyCommand,
}

/// How a command reaches the control plane and what it prints.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server and output")]
pub(crate) struct ClientArgs {
    #[arg(
        long,
        value_name = "URL",
        env = "TASKPILOT_URL",
        help = "Address of the control plane [default: http://127.0.0.1:8081]"
    )]
    pub(crate) url: Option<String>,
    /// Print JSON as the server sent it, and errors as JSON too (to standard error)
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
