//! `task cancel` of several tasks, or of all that a filter holds for: a count, a question, and the
//! outcomes.

use std::io::{IsTerminal, Write};

use taskpilot_api::cancellations::{
    Cancellation, CancellationFilter, CancellationOutcomeWord, CreateCancellation, DryRun,
};
use taskpilot_api::open::Open;
use taskpilot_domain::cancellation::{CancellationOutcome, CancellationStatus};
use taskpilot_domain::ids::TaskId;

use super::arguments::{CancelArgs, FilterTerm};
use crate::commands::Session;
use crate::commands::wait::Patience;
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

pub(super) async fn run(arguments: CancelArgs, session: &Session) -> Result<Code, Failure> {
    if arguments.wait.wait.is_some() {
        let text = "--wait is for the stop of one task: this one waits for the verdicts anyway";
        return Err(Failure::Usage(text.into()));
    }
    let mut wish = wish(arguments.ids, arguments.filter)?;
    wish.reason = arguments.reason;
    if arguments.dry_run {
        return counted(&dry_run(&wish, session).await?, session.format);
    }
    if !arguments.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        let count = dry_run(&wish, session).await?.matched;
        if !agreed(count)? {
            return Err(Failure::Coded(Code::Error, "nothing was canceled".into()));
        }
    }
    let key = arguments.key.as_deref();
    let begun = session.client.create_cancellation(&wish, key).await?;
    let id = begun.id;
    output::hint(&format!(
        "cancellation {id} goes on, also without this command"
    ));
    let done = completed(begun, session).await?;
    told(&done, session.format)
}

/// What is asked for, by ids or by the terms of a filter.
fn wish(ids: Vec<TaskId>, terms: Vec<FilterTerm>) -> Result<CreateCancellation, Failure> {
    if terms.is_empty() {
        return Ok(CreateCancellation {
            ids: Some(ids),
            ..CreateCancellation::default()
        });
    }
    let mut filter = CancellationFilter::default();
    for term in terms {
        let (name, slot, value) = match term {
            FilterTerm::Label(key, value) => {
                let labels = filter.labels.get_or_insert_default();
                if labels.insert(key.clone(), value).is_some() {
                    let text = format!("label {key} is asked for twice");
                    return Err(Failure::Usage(text));
                }
                continue;
            }
            FilterTerm::Type(value) => ("type", &mut filter.r#type, value),
            FilterTerm::Queue(value) => ("queue", &mut filter.queue, value),
            FilterTerm::State(value) => ("state", &mut filter.state, value),
            FilterTerm::CreatedBefore(value) => {
                ("created-before", &mut filter.created_before, value)
            }
        };
        if slot.replace(value).is_some() {
            let text = format!("{name} is asked for twice");
            return Err(Failure::Usage(text));
        }
    }
    Ok(CreateCancellation {
        filter: Some(filter),
        ..CreateCancellation::default()
    })
}

async fn dry_run(wish: &CreateCancellation, session: &Session) -> Result<DryRun, Failure> {
    Ok(session.client.dry_run_cancellation(wish).await?)
}

fn counted(dry: &DryRun, format: Format) -> Result<Code, Failure> {
    if format == Format::Json {
        output::json(dry)?;
        return Ok(Code::Ok);
    }
    output::line(&format!("{} tasks would be canceled", dry.matched));
    let rows: Vec<Vec<String>> = dry
        .sample
        .iter()
        .map(|task| {
            let execution = task.execution.as_ref();
            let state = execution.map_or("-".into(), |known| known.status.to_string());
            let title = task.title.clone().unwrap_or_default();
            vec![task.id.to_string(), task.r#type.to_string(), state, title]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["ID", "TYPE", "EXECUTION", "TITLE"], &rows);
    }
    Ok(Code::Ok)
}

fn agreed(count: u64) -> Result<bool, Failure> {
    let mut error = std::io::stderr();
    let asked = write!(error, "cancel {count} tasks? [y/N] ").and_then(|()| error.flush());
    asked.map_err(anyhow::Error::from)?;
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map_err(anyhow::Error::from)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Looks at it until nothing is left to do, through outages of ours.
async fn completed(begun: Cancellation, session: &Session) -> Result<Cancellation, Failure> {
    let mut patience = Patience::new(session, None).reached();
    let (id, mut last) = (begun.id.get(), begun);
    while last.completed_at.is_none() {
        output::progress(&progress(&last));
        patience.pause().await?;
        let look = || async { Ok(session.client.cancellation(id).await?) };
        last = patience.answer(look).await?;
        patience.nothing_is_in_the_way();
    }
    output::progress("");
    Ok(last)
}

/// A bar of twenty places, and the numbers.
fn progress(now: &Cancellation) -> String {
    let (decided, total) = (now.counts.decided(), now.total);
    if now.status.known() == Some(CancellationStatus::Matching) {
        return format!("matching: {total} so far");
    }
    let full = usize::try_from(decided * 20 / total.max(1)).unwrap_or(20);
    let bar = "#".repeat(full);
    format!("[{bar:20}] {decided} of {total}")
}

fn told(done: &Cancellation, format: Format) -> Result<Code, Failure> {
    match format {
        Format::Json => output::json(done)?,
        Format::Text => {
            let rows: Vec<Vec<String>> = CancellationOutcome::ALL
                .into_iter()
                .map(|outcome| (outcome, done.counts.of(outcome)))
                .filter(|(_, count)| *count > 0)
                .map(|(outcome, count)| {
                    let word: CancellationOutcomeWord = Open::Known(outcome);
                    vec![word.to_string(), count.to_string()]
                })
                .collect();
            output::line(&format!(
                "cancellation {}: {} of {} decided",
                done.id,
                done.counts.decided(),
                done.total
            ));
            if !rows.is_empty() {
                output::table(&["OUTCOME", "TASKS"], &rows);
            }
        }
    }
    match done.status.known() {
        Some(CancellationStatus::Canceled) => {
            let text = format!("cancellation {} was given up", done.id);
            Err(Failure::Coded(Code::Conflict, text))
        }
        _ => Ok(Code::Ok),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_term_is_a_condition_and_is_given_once() {
        let terms = ["type=report", "label=team=a", "label=x=", "state=RUNNING"];
        let parse = |text: &str| text.parse::<FilterTerm>().unwrap();
        let wished = wish(Vec::new(), terms.map(parse).into()).unwrap();
        let labels = [("team", "a"), ("x", "")].map(|(key, value)| (key.into(), value.into()));
        let expected = CancellationFilter {
            r#type: Some("report".into()),
            labels: Some(labels.into()),
            state: Some("RUNNING".into()),
            ..CancellationFilter::default()
        };
        assert_eq!(wished.filter, Some(expected));
        assert_eq!(wished.ids, None);
        for twice in ["type=a", "label=team=b"] {
            let terms = terms.iter().chain([&twice]).map(|text| parse(text));
            assert!(wish(Vec::new(), terms.collect()).is_err(), "{twice}");
        }
        for wrong in ["type", "colour=red", "label=team", "type="] {
            assert!(wrong.parse::<FilterTerm>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn progress_is_a_bar() {
        let text = r#"{"id":1,"status":"RUNNING","requestedAt":"2026-01-31T12:00:00.000Z",
            "requestedBy":"a","reason":null,"total":8,"counts":{"canceled":2},"completedAt":null}"#;
        let now: Cancellation = serde_json::from_str(text).unwrap();
        assert_eq!(progress(&now), "[#####               ] 2 of 8");
    }
}
