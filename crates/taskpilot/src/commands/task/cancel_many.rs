//! `task cancel` of several tasks, or of all that a filter holds for: a count, a question, and the
//! outcomes.

use std::io::{IsTerminal, Write};

use taskpilot_api::cancellations::{Cancellation, CancellationFilter, CreateCancellation, DryRun};
use taskpilot_domain::ids::TaskId;

use super::arguments::{CancelArgs, FilterTerm};
use crate::commands::wait::Patience;
use crate::commands::{Session, cancellation};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

pub(super) async fn run(arguments: CancelArgs, session: &Session) -> Result<Code, Failure> {
    if arguments.wait.wait.is_some() {
        let text = "--wait is for the stop of one task: this one waits for the verdicts anyway";
        return Err(Failure::Usage(text.into()));
    }
    if arguments.reach.cascade {
        let text = "--cascade is for one task: a cancel of many reaches nothing below";
        return Err(Failure::Usage(text.into()));
    }
    let mut wish = wish(arguments.ids, arguments.filter)?;
    wish.reason = arguments.reason;
    wish.max_per_second = arguments.max_per_second;
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
        "cancellation {id} goes on, also without this command: taskpilot cancellation get {id} --wait"
    ));
    let patience = Patience::new(session, None).reached();
    let done = cancellation::completed(begun, patience, session).await?;
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

fn told(done: &Cancellation, format: Format) -> Result<Code, Failure> {
    match format {
        Format::Json => output::json(done)?,
        Format::Text => {
            output::line(&format!(
                "cancellation {}: {} of {} decided",
                done.id,
                done.counts.decided(),
                done.total
            ));
            cancellation::outcomes(done.counts);
        }
    }
    cancellation::carried_out(done)
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
}
