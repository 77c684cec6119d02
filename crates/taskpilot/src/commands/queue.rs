//! `taskpilot queue list|pause|resume|limit`.

use clap::Subcommand;
use taskpilot_api::queues::{LimitQueue, PauseQueue, QueueItem, ResumeQueue};
use taskpilot_domain::names::QueueName;
use taskpilot_domain::time::Timestamp;

use super::{Session, describe};
use crate::arguments::ClientArgs;
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// What to do with queues.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// List the queues: their limits, their pauses, what waits and what runs
    List {
        /// Items of the page, 1 to 1000
        #[arg(long)]
        limit: Option<u32>,
        /// The `next` of the page before
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Grant nothing from a queue; what runs goes on
    Pause {
        /// The queue
        name: QueueName,
        /// Why, for people
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Grant from a queue again
    Resume {
        /// The queue
        name: QueueName,
        /// Why, for people
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Limit how many attempts of a queue run at once, those included that are being stopped
    Limit {
        /// The queue
        name: QueueName,
        /// 1 to 1000000, or `none`
        #[arg(value_name = "N|none", value_parser = limit)]
        limit: Limit,
        #[command(flatten)]
        client: ClientArgs,
    },
}

/// A limit, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(Option<u32>);

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let count = text.parse().map_err(|_| "a number, or `none`".to_owned())?;
    Ok(Limit(Some(count)))
}

impl QueueCommand {
    pub(crate) fn client(&self) -> &ClientArgs {
        match self {
            Self::List { client, .. }
            | Self::Pause { client, .. }
            | Self::Resume { client, .. }
            | Self::Limit { client, .. } => client,
        }
    }
}

pub(crate) async fn run(command: QueueCommand, session: Session) -> Result<Code, Failure> {
    let client = &session.client;
    let queue = match command {
        QueueCommand::List { limit, after, .. } => {
            let mut query = Vec::new();
            query.extend(limit.map(|limit| ("limit", limit.to_string())));
            query.extend(after.map(|after| ("after", after)));
            return list(&session, &query).await;
        }
        QueueCommand::Pause { name, reason, .. } => {
            let body = PauseQueue { reason };
            client.pause_queue(name.as_str(), &body).await?
        }
        QueueCommand::Resume { name, reason, .. } => {
            let body = ResumeQueue { reason };
            client.resume_queue(name.as_str(), &body).await?
        }
        QueueCommand::Limit { name, limit, .. } => {
            let body = LimitQueue {
                max_running: limit.0,
            };
            client.limit_queue(name.as_str(), &body).await?
        }
    };
    match session.format {
        Format::Json => output::json(&queue)?,
        Format::Text => table(&[queue]),
    }
    Ok(Code::Ok)
}

async fn list(session: &Session, query: &[(&str, String)]) -> Result<Code, Failure> {
    let page = session.client.queues(query).await?;
    if session.format == Format::Json {
        output::json(&page)?;
        return Ok(Code::Ok);
    }
    table(&page.items);
    if let Some(next) = page.next {
        output::hint(&format!("more: --after {next}"));
    }
    Ok(Code::Ok)
}

fn table(queues: &[QueueItem]) {
    let rows: Vec<Vec<String>> = queues.iter().map(row).collect();
    let header = [
        "NAME",
        "LIMIT",
        "RUNNING",
        "STOPPING",
        "READY",
        "BLOCKED",
        "SCHEDULED",
        "BACKING OFF",
        "PAUSED",
        "LAST CHANGE",
    ];
    output::table(&header, &rows);
}

fn row(queue: &QueueItem) -> Vec<String> {
    let limit = queue.max_running.map_or("-".into(), |max| max.to_string());
    let paused = queue.paused.as_ref();
    let paused = paused.map(|pause| who(&pause.by, pause.at, pause.reason.as_deref()));
    let changed = queue.last_change.as_ref().map(|last| {
        let who = who(&last.by, last.at, last.reason.as_deref());
        format!("{} {who}", last.what)
    });
    let counts = [
        queue.running,
        queue.stopping,
        queue.ready,
        queue.blocked,
        queue.scheduled,
        queue.backing_off,
    ];
    let mut cells = vec![queue.name.clone(), limit];
    cells.extend(counts.map(|count| count.to_string()));
    cells.extend([paused, changed].map(|told| told.unwrap_or_else(|| "-".into())));
    cells
}

fn who(by: &str, at: Timestamp, reason: Option<&str>) -> String {
    let reason = reason.map_or(String::new(), |text| format!(": {text}"));
    format!("by {by} at {}{reason}", describe::to_the_second(at))
}
