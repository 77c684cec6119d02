//! `taskpilot execution get|list|release-stuck`.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use taskpilot_api::executions::{ExecutionView, ReleaseBody};
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{AttemptNumber, TaskId};

use super::{Session, describe};
use crate::arguments::ClientArgs;
use crate::durations::written;
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// What to do with executions.
#[derive(Debug, Subcommand)]
pub(crate) enum ExecutionCommand {
    /// Show the execution of a task: state, latencies, attempts, stop
    Get {
        /// The task
        #[arg(value_name = "TASK")]
        id: TaskId,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// List the executions of the scheduler, newest first
    List {
        /// Only in this state
        #[arg(long, ignore_case = true, value_parser = PossibleValuesParser::new(State::ALL.map(State::as_str)))]
        state: Option<String>,
        /// Items of the page, 1 to 1000
        #[arg(long)]
        limit: Option<u32>,
        /// The `next` of the page before
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Free slot, queue and next attempt of a stop that is STUCK or ABANDONED; its work may still run
    ReleaseStuck {
        /// The task
        #[arg(value_name = "TASK")]
        id: TaskId,
        /// Why that does no harm, for people; it is kept
        #[arg(long)]
        reason: String,
        /// The attempt; the last one that was stopped unless told otherwise
        #[arg(long, value_name = "N")]
        attempt: Option<u32>,
        #[command(flatten)]
        client: ClientArgs,
    },
}

impl ExecutionCommand {
    pub(crate) fn client(&self) -> &ClientArgs {
        match self {
            Self::Get { client, .. }
            | Self::List { client, .. }
            | Self::ReleaseStuck { client, .. } => client,
        }
    }
}

pub(crate) async fn run(command: ExecutionCommand, session: Session) -> Result<Code, Failure> {
    match command {
        ExecutionCommand::Get { id, .. } => get(&session, id).await,
        ExecutionCommand::ReleaseStuck {
            id,
            reason,
            attempt,
            ..
        } => {
            let attempt = attempt.map(AttemptNumber);
            release(&session, id, ReleaseBody { reason, attempt }).await
        }
        ExecutionCommand::List {
            state,
            limit,
            after,
            ..
        } => {
            let mut query = Vec::new();
            query.extend(state.map(|state| ("state", state.to_uppercase())));
            query.extend(limit.map(|limit| ("limit", limit.to_string())));
            query.extend(after.map(|after| ("after", after)));
            list(&session, &query).await
        }
    }
}

async fn get(session: &Session, id: TaskId) -> Result<Code, Failure> {
    let view = session.client.execution(id.get()).await?;
    tell(session, id, &view)
}

async fn release(session: &Session, id: TaskId, body: ReleaseBody) -> Result<Code, Failure> {
    let view = session.client.release_stuck(id.get(), &body).await?;
    tell(session, id, &view)
}

fn tell(session: &Session, id: TaskId, view: &ExecutionView) -> Result<Code, Failure> {
    match session.format {
        Format::Json => output::json(view)?,
        Format::Text => {
            let mut facts = vec![
                ("task", id.to_string()),
                ("execution", view.scheduler_task_id.to_string()),
            ];
            facts.extend(describe::execution(view));
            output::facts(&facts);
        }
    }
    Ok(Code::Ok)
}

async fn list(session: &Session, query: &[(&str, String)]) -> Result<Code, Failure> {
    let page = session.client.executions(query).await?;
    if session.format == Format::Json {
        output::json(&page)?;
        return Ok(Code::Ok);
    }
    let rows: Vec<Vec<String>> = page
        .items
        .iter()
        .map(|execution| {
            let waited = execution
                .processing_started_at
                .zip(execution.scheduled_for)
                .map_or("-".to_owned(), |(start, due)| written(start.ms_since(due)));
            vec![
                execution
                    .task_id
                    .map_or("-".to_owned(), |task| task.to_string()),
                execution.scheduler_task_id.to_string(),
                execution.r#type.clone().unwrap_or_else(|| "-".into()),
                execution.status.to_string(),
                execution
                    .phase
                    .as_ref()
                    .map_or("-".to_owned(), ToString::to_string),
                execution.queue.clone().unwrap_or_else(|| "-".into()),
                waited,
            ]
        })
        .collect();
    let columns = [
        "TASK",
        "EXECUTION",
        "TYPE",
        "STATE",
        "PHASE",
        "QUEUE",
        "WAITED",
    ];
    output::table(&columns, &rows);
    if let Some(next) = page.next {
        output::hint(&format!("more: --after {next}"));
    }
    Ok(Code::Ok)
}
