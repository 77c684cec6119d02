//! The arguments of `taskpilot task`.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use taskpilot_api::options::{BackoffBody, ExecutionOptionsBody};
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;

use crate::arguments::ClientArgs;
use crate::durations;

/// Behind the help of `task cancel`.
const WAITED: &str = "\
With --wait the stages of the stop are told as they are seen, with the time since the request:
  requested 0 ms, delivered 3 ms, signaled 4 ms, stopped 231 ms
With --cascade it waits for all that is below, too, and ends with the code of the worst: 13, else 6,
else 12. With --json each stage is a line of JSON, and the execution the last one.

Exit codes with --wait:
   0  the end of the work is proven, or nothing ran
   5  it had ended before: nothing is canceled
   6  the wait ran out
  12  nobody can prove that the work has ended: its worker is gone
  13  the work could not be ended: it may still run
  14  with --cleanup: the end of the work is proven, and the cleanup failed";

/// What to do with tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Create a task, or many with --batch; with --bind or --wait it is bound at once
    Create(Box<CreateArgs>),
    /// Show a task and its execution
    Get {
        /// The task
        id: TaskId,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Run a task again: create the same work as a new task, and bind it
    Rerun(Box<RerunArgs>),
    /// List tasks, newest first
    List(ListArgs),
    /// Show a task and all that is below it, with the state of each
    Tree {
        /// The task
        id: TaskId,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Change the title and the labels of a task
    Edit(EditArgs),
    /// Delete a task that is not bound, or whose execution has ended
    Delete {
        /// The task
        id: TaskId,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Bind a task to the scheduler, which runs it
    Bind(Box<BindArgs>),
    /// Cancel a task: its execution if it is bound, else the task itself; or cancel the executions of
    /// many
    Cancel(CancelArgs),
    /// Watch the execution of a task until it ends
    Watch {
        /// The task
        id: TaskId,
        /// Give up after this time, such as 30s
        #[arg(long, value_parser = durations::parse)]
        timeout: Option<Duration>,
        #[command(flatten)]
        client: ClientArgs,
    },
}

impl TaskCommand {
    pub(crate) fn client(&self) -> &ClientArgs {
        match self {
            Self::Create(arguments) => &arguments.client,
            Self::Rerun(arguments) => &arguments.client,
            Self::List(arguments) => &arguments.client,
            Self::Bind(arguments) => &arguments.client,
            Self::Cancel(arguments) => &arguments.client,
            Self::Edit(arguments) => &arguments.client,
            Self::Get { client, .. }
            | Self::Tree { client, .. }
            | Self::Delete { client, .. }
            | Self::Watch { client, .. } => client,
        }
    }
}

/// `task create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What kind of work it is, and so which handler runs it
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "batch")]
    pub(super) kind: Option<String>,
    /// Create many: a file of JSON lines, or - for standard input, where each line is a create as
    /// the API takes it, such as {"type":"demo","payload":1,"bind":true,"idempotencyKey":"a"}
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["kind", "payload", "title", "labels", "key", "parent", "bind", "OptionArgs", "WaitArgs"]
    )]
    pub(super) batch: Option<String>,
    /// What the handler gets: JSON, or @FILE, or - for standard input
    #[arg(long, value_name = "JSON", default_value = "null")]
    pub(super) payload: String,
    /// A line for people
    #[arg(long)]
    pub(super) title: Option<String>,
    /// A label; may be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
    /// Makes the create repeatable: the same key never creates twice
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,
    /// The task it belongs to, which is bound first
    #[arg(long, value_name = "ID")]
    pub(super) parent: Option<TaskId>,
    /// Bind it at once
    #[arg(long)]
    pub(super) bind: bool,
    #[command(flatten)]
    pub(super) options: OptionArgs,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// `task edit`.
#[derive(Debug, Args)]
#[group(id = "change", required = true, multiple = true, args = ["title", "remove_title", "labels", "remove_labels"])]
pub(crate) struct EditArgs {
    /// The task
    pub(super) id: TaskId,
    /// A line for people
    #[arg(long, conflicts_with = "remove_title")]
    pub(super) title: Option<String>,
    /// Take the title away
    #[arg(long)]
    pub(super) remove_title: bool,
    /// A label to set; may be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
    /// A label to take away; may be given again
    #[arg(long = "remove-label", value_name = "KEY")]
    pub(super) remove_labels: Vec<String>,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// `task rerun`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without options of the execution it is run as it was the time before; where that is forgotten, \
                  at least one has to be named."
)]
pub(crate) struct RerunArgs {
    /// The task
    pub(super) id: TaskId,
    /// Makes the rerun repeatable: the same key never creates twice
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,
    #[command(flatten)]
    pub(super) options: OptionArgs,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// `task bind`.
#[derive(Debug, Args)]
pub(crate) struct BindArgs {
    /// The task
    pub(super) id: TaskId,
    #[command(flatten)]
    pub(super) options: OptionArgs,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// `task cancel`.
#[derive(Debug, Args)]
#[command(after_help = WAITED)]
pub(crate) struct CancelArgs {
    /// The task; more than one are canceled as one cancellation
    #[arg(value_name = "ID", required_unless_present = "filter")]
    pub(super) ids: Vec<TaskId>,
    /// Cancel all for which this holds: type=T, queue=Q, label=KEY=VALUE, state=PENDING or RUNNING,
    /// created-before=INSTANT; may be given again, and all of it holds
    #[arg(long, value_name = "TERM", conflicts_with = "ids")]
    pub(super) filter: Vec<FilterTerm>,
    /// Only tell how many that would be
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask before many are canceled
    #[arg(long)]
    pub(super) yes: bool,
    /// Makes a cancel of many repeatable: the same key never begins two
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,
    /// Decide so many of many per second at most, 1 to 100,000
    #[arg(long, value_name = "N")]
    pub(super) max_per_second: Option<u32>,
    /// Why, for people
    #[arg(long)]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) reach: ReachArgs,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// What a cancel of one task is about beside its execution.
#[derive(Debug, Args)]
pub(crate) struct ReachArgs {
    /// Cancel all that is below it, too
    #[arg(long)]
    pub(super) cascade: bool,
    /// Wait for the cleanup, too, that is owed where the handler declared one
    #[arg(long, requires = "wait")]
    pub(super) cleanup: bool,
}

/// A condition of `task cancel --filter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FilterTerm {
    /// Of this type.
    Type(String),
    /// In this queue.
    Queue(String),
    /// With this label.
    Label(String, String),
    /// In this state.
    State(String),
    /// Created before this instant.
    CreatedBefore(String),
}

impl std::str::FromStr for FilterTerm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            "a condition is type=T, queue=Q, label=KEY=VALUE, state=S or created-before=INSTANT";
        let (name, value) = text
            .split_once('=')
            .filter(|(_, value)| !value.is_empty())
            .ok_or(wrong)?;
        let value = value.to_owned();
        match name {
            "type" => Ok(Self::Type(value)),
            "queue" => Ok(Self::Queue(value)),
            "label" => label(&value).map(|(key, value)| Self::Label(key, value)),
            "state" => Ok(Self::State(value.to_uppercase())),
            "created-before" => Ok(Self::CreatedBefore(value)),
            _ => Err(wrong.to_owned()),
        }
    }
}

/// `task list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only with this status
    #[arg(long, ignore_case = true, value_parser = PossibleValuesParser::new(TaskStatus::ALL.map(TaskStatus::as_str)))]
    pub(super) status: Option<String>,
    /// Only of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) kind: Option<String>,
    /// Only with this label; may be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
    /// Only the children of this task
    #[arg(long, value_name = "ID")]
    pub(super) parent: Option<TaskId>,
    /// Only with this text in the title, in capitals or not
    #[arg(long, value_name = "TEXT")]
    pub(super) title: Option<String>,
    /// Items of the page, 1 to 1000
    #[arg(long)]
    pub(super) limit: Option<u32>,
    /// The `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    pub(super) after: Option<String>,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// Whether and how long to wait.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct WaitArgs {
    /// Wait for the end, at most this long where a time is given, such as --wait=30s
    #[arg(
        long,
        value_name = "TIMEOUT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "365d",
        value_parser = durations::parse
    )]
    pub(super) wait: Option<Duration>,
}

/// How the execution is to be run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct OptionArgs {
    /// The type that the scheduler is asked for, instead of the task's
    #[arg(long, value_name = "TYPE")]
    pub(super) scheduler_type: Option<String>,
    /// The queue it waits in [default: default]
    #[arg(long)]
    queue: Option<String>,
    /// From -10 to 10, higher first [default: 0]
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i64>,
    /// Not before this instant, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "INSTANT")]
    scheduled_for: Option<String>,
    /// Counted attempts, 1 to 100 [default: 3]
    #[arg(long, value_name = "N")]
    max_attempts: Option<i64>,
    /// Bound of the wait after the first failed attempt [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = durations::parse)]
    backoff_initial: Option<Duration>,
    /// Largest bound of the wait between attempts [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = durations::parse)]
    backoff_max: Option<Duration>,
    /// What the bound grows by with each failed attempt [default: 2]
    #[arg(long, value_name = "FACTOR")]
    backoff_factor: Option<f64>,
    /// Longest run of one attempt, such as 5m
    #[arg(long, value_name = "TIME", value_parser = durations::parse)]
    attempt_timeout: Option<Duration>,
    /// It fails at this instant if it has not ended
    #[arg(long, value_name = "INSTANT")]
    deadline: Option<String>,
    /// From the polite signal of a stop to the kill [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = durations::parse)]
    cancel_grace: Option<Duration>,
    /// When it is canceled, cancel all that is below it, too
    #[arg(long)]
    cancel_children: bool,
}

impl OptionArgs {
    pub(super) fn into_body(self) -> ExecutionOptionsBody {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let backoff = BackoffBody {
            initial_ms: self.backoff_initial.map(millis),
            max_ms: self.backoff_max.map(millis),
            factor: self.backoff_factor,
        };
        ExecutionOptionsBody {
            queue: self.queue,
            priority: self.priority,
            scheduled_for: self.scheduled_for,
            max_attempts: self.max_attempts,
            backoff: (backoff != BackoffBody::default()).then_some(backoff),
            attempt_timeout_ms: self.attempt_timeout.map(millis),
            deadline: self.deadline,
            cancel_grace_ms: self.cancel_grace.map(millis),
            cancel_children: self.cancel_children.then_some(true),
        }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
