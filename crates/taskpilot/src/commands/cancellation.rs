//! `taskpilot cancellation list|get|cancel`: cancels of many, after they were begun.

mod progress;

use std::time::Duration;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use taskpilot_api::cancellations::{Cancellation, CancellationFilter};
use taskpilot_domain::cancellation::{CancellationOutcome, CancellationStatus};
use taskpilot_domain::ids::CancellationId;

pub(super) use progress::{completed, outcomes};

use super::wait::Patience;
use super::{Session, describe};
use crate::arguments::ClientArgs;
use crate::durations;
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// Instead of an outcome: every item, also those that are not decided.
const ALL: &str = "all";

/// Behind the help of `cancellation get`.
const WAITED: &str = "\
Exit codes with --wait:
   0  each of its items is decided
   5  it was given up: what was not decided is left alone
   6  the wait ran out; the cancellation goes on";

/// What to do with cancellations.
#[derive(Debug, Subcommand)]
pub(crate) enum CancellationCommand {
    /// List cancellations, newest first
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
    /// Show how far a cancellation is and what became of how many, or of which
    #[command(after_help = WAITED)]
    Get {
        /// The cancellation
        id: CancellationId,
        /// List the tasks of which this became instead
        #[arg(long, value_parser = PossibleValuesParser::new(outcome_words()))]
        outcome: Option<String>,
        /// Items of the page, 1 to 1000
        #[arg(long, requires = "outcome")]
        limit: Option<u32>,
        /// The `next` of the page before
        #[arg(long, value_name = "CURSOR", requires = "outcome")]
        after: Option<String>,
        /// Wait until nothing is left to do, at most this long where a time is given, such as --wait=30s
        #[arg(
            long,
            value_name = "TIMEOUT",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "365d",
            value_parser = durations::parse,
            conflicts_with = "outcome"
        )]
        wait: Option<Duration>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Give a cancellation up: what is not decided yet is left alone
    Cancel {
        /// The cancellation
        id: CancellationId,
        #[command(flatten)]
        client: ClientArgs,
    },
}

fn outcome_words() -> impl Iterator<Item = &'static str> {
    let outcomes = CancellationOutcome::ALL.map(CancellationOutcome::as_str);
    outcomes.into_iter().chain([ALL])
}

impl CancellationCommand {
    pub(crate) fn client(&self) -> &ClientArgs {
        match self {
            Self::List { client, .. } | Self::Get { client, .. } | Self::Cancel { client, .. } => {
                client
            }
        }
    }
}

pub(crate) async fn run(command: CancellationCommand, session: Session) -> Result<Code, Failure> {
    match command {
        CancellationCommand::List { limit, after, .. } => {
            list(&page_of(limit, after), &session).await
        }
        CancellationCommand::Get {
            id,
            outcome: Some(outcome),
            limit,
            after,
            ..
        } => {
            let mut query = page_of(limit, after);
            query.extend((outcome != ALL).then_some(("outcome", outcome)));
            items(id, &query, &session).await
        }
        CancellationCommand::Get { id, wait, .. } => get(id, wait, &session).await,
        CancellationCommand::Cancel { id, .. } => give_up(id, &session).await,
    }
}

fn page_of(limit: Option<u32>, after: Option<String>) -> Vec<(&'static str, String)> {
    let limit = limit.map(|limit| ("limit", limit.to_string()));
    limit
        .into_iter()
        .chain(after.map(|after| ("after", after)))
        .collect()
}

async fn list(query: &[(&str, String)], session: &Session) -> Result<Code, Failure> {
    let page = session.client.cancellations(query).await?;
    if session.format == Format::Json {
        output::json(&page)?;
        return Ok(Code::Ok);
    }
    let rows: Vec<Vec<String>> = page.items.iter().map(row).collect();
    let header = [
        "ID",
        "STATUS",
        "DECIDED",
        "REQUESTED",
        "BY",
        "ABOUT",
        "REASON",
    ];
    output::table(&header, &rows);
    more(page.next);
    Ok(Code::Ok)
}

fn row(one: &Cancellation) -> Vec<String> {
    vec![
        one.id.to_string(),
        one.status.to_string(),
        format!("{} of {}", one.counts.decided(), one.total),
        describe::to_the_second(one.requested_at),
        one.requested_by.clone(),
        about(one.filter.as_ref()),
        one.reason.clone().unwrap_or_else(|| "-".into()),
    ]
}

fn more(next: Option<String>) {
    if let Some(next) = next {
        output::hint(&format!("more: --after {next}"));
    }
}

/// The filter as `task cancel --filter` takes its terms.
fn about(filter: Option<&CancellationFilter>) -> String {
    let Some(filter) = filter else {
        return "tasks by id".to_owned();
    };
    let labels = filter.labels.iter().flatten();
    let labels = labels.map(|(key, value)| format!("label={key}={value}"));
    let one =
        |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}={value}"));
    let terms = [
        one("type", &filter.r#type),
        one("queue", &filter.queue),
        one("state", &filter.state),
        one("created-before", &filter.created_before),
    ];
    let terms: Vec<String> = terms.into_iter().flatten().chain(labels).collect();
    terms.join(" ")
}

async fn items(
    id: CancellationId,
    query: &[(&str, String)],
    session: &Session,
) -> Result<Code, Failure> {
    let page = session.client.cancellation_items(id.get(), query).await?;
    if session.format == Format::Json {
        output::json(&page)?;
        return Ok(Code::Ok);
    }
    let row =
        |task: String, outcome: Option<String>| vec![task, outcome.unwrap_or_else(|| "-".into())];
    let rows: Vec<Vec<String>> = page
        .items
        .iter()
        .map(|item| {
            let outcome = item.outcome.as_ref();
            row(item.task_id.to_string(), outcome.map(ToString::to_string))
        })
        .collect();
    output::table(&["TASK", "OUTCOME"], &rows);
    more(page.next);
    Ok(Code::Ok)
}

async fn get(
    id: CancellationId,
    wait: Option<Duration>,
    session: &Session,
) -> Result<Code, Failure> {
    let Some(wait) = wait else {
        let now = session.client.cancellation(id.get()).await?;
        tell(&now, session.format)?;
        return Ok(Code::Ok);
    };
    let mut patience = Patience::new(session, Some(wait));
    let look = || async { Ok(session.client.cancellation(id.get()).await?) };
    let now = patience.answer(look).await?;
    let last = completed(now, patience, session).await?;
    tell(&last, session.format)?;
    if last.completed_at.is_none() {
        return Ok(Code::TimedOut);
    }
    carried_out(&last)
}

/// The end of one that was waited for, once nothing is left to do.
pub(super) fn carried_out(done: &Cancellation) -> Result<Code, Failure> {
    match done.status.known() {
        Some(CancellationStatus::Canceled) => {
            let text = format!("cancellation {} was given up", done.id);
            Err(Failure::Coded(Code::Conflict, text))
        }
        _ => Ok(Code::Ok),
    }
}

async fn give_up(id: CancellationId, session: &Session) -> Result<Code, Failure> {
    let given_up = session.client.cancel_cancellation(id.get()).await?;
    if session.format == Format::Json {
        output::json(&given_up)?;
        return Ok(Code::Ok);
    }
    let (decided, total) = (given_up.counts.decided(), given_up.total);
    let text = format!("cancellation {id} given up: {decided} of {total} decided");
    output::line(&text);
    if given_up.completed_at.is_none() {
        let text = format!("some are on their way: taskpilot cancellation get {id} --wait");
        output::hint(&text);
    }
    Ok(Code::Ok)
}

fn tell(now: &Cancellation, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(now);
    }
    output::facts(&facts(now));
    outcomes(now.counts);
    Ok(())
}

fn facts(now: &Cancellation) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("cancellation", now.id.to_string()),
        ("status", now.status.to_string()),
        ("progress", progress::bar(now)),
        ("about", about(now.filter.as_ref())),
    ];
    let reason = now.reason.as_ref();
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    let requested = format!("by {} at {}{reason}", now.requested_by, now.requested_at);
    facts.push(("requested", requested));
    facts.extend(now.completed_at.map(|at| ("completed", at.to_string())));
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cancellation(more: &serde_json::Value) -> Cancellation {
        let mut value = json!({"id": 7, "status": "RUNNING", "requestedAt": "2026-01-31T12:00:00.000Z",
            "requestedBy": "local", "reason": null, "total": 8, "counts": {"canceled": 2, "already": 2},
            "completedAt": null});
        let more = more.as_object().unwrap().clone();
        value.as_object_mut().unwrap().extend(more);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_it_is_about_is_told_as_it_is_asked_for() {
        let filter = json!({"type": "report", "labels": {"team": "a", "x": "y=z"},
            "state": "RUNNING", "createdBefore": "2026-01-31T12:00:00.000Z"});
        let by_filter = cancellation(&json!({"filter": filter, "reason": "enough"}));
        let row = row(&by_filter);
        let expected = [
            "7",
            "RUNNING",
            "4 of 8",
            "2026-01-31T12:00:00Z",
            "local",
            "type=report state=RUNNING created-before=2026-01-31T12:00:00.000Z label=team=a label=x=y=z",
            "enough",
        ];
        assert_eq!(row, expected);
        assert_eq!(
            about(cancellation(&json!({})).filter.as_ref()),
            "tasks by id"
        );
    }

    #[test]
    fn the_facts_say_how_far_it_is_and_who_asked_for_it() {
        let done = cancellation(&json!({"status": "CANCELED", "reason": "enough",
            "completedAt": "2026-01-31T12:00:01.000Z"}));
        let facts = facts(&done);
        let expected = [
            ("cancellation", "7"),
            ("status", "CANCELED"),
            ("progress", "[##########          ] 4 of 8"),
            ("about", "tasks by id"),
            ("requested", "by local at 2026-01-31T12:00:00.000Z: enough"),
            ("completed", "2026-01-31T12:00:01.000Z"),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(facts, expected);
    }
}
