//! `task create` and `task bind`.

use std::io::Read;

use taskpilot_api::bindings::BindTask;
use taskpilot_api::json::JsonText;
use taskpilot_api::options::ExecutionOptionsBody;
use taskpilot_api::tasks::{CloneTask, CreateTask, Task};
use taskpilot_domain::binding::TaskStatus;

use super::arguments::{BindArgs, CreateArgs, RerunArgs};
use super::{batch, watch};
use crate::commands::wait::Patience;
use crate::commands::{Session, describe};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

pub(super) async fn run(arguments: CreateArgs, session: &Session) -> Result<Code, Failure> {
    if let Some(file) = &arguments.batch {
        return batch::run(file, session).await;
    }
    let wait = arguments.wait.wait;
    let bind = arguments.bind || wait.is_some();
    let scheduler_type = arguments.options.scheduler_type.clone();
    let options = arguments.options.into_body();
    if !bind && (scheduler_type.is_some() || options != ExecutionOptionsBody::default()) {
        let text = "options of the execution need --bind or --wait";
        return Err(Failure::Usage(text.into()));
    }
    let task = CreateTask {
        r#type: arguments.kind.unwrap_or_default(),
        title: arguments.title,
        labels: Some(arguments.labels.into_iter().collect()),
        payload: payload(&arguments.payload)?,
        parent_task_id: arguments.parent,
        bind: Some(bind),
        scheduler_type,
        execution: bind.then_some(options),
    };
    let task = session
        .client
        .create(&task, arguments.key.as_deref())
        .await?;
    if wait.is_some() && session.format == Format::Text {
        output::line(&format!("task {} created", task.id));
    }
    let patience = wait.map(|wait| Patience::new(session, Some(wait)).reached());
    told(&task, patience, session).await
}

pub(super) async fn rerun(arguments: RerunArgs, session: &Session) -> Result<Code, Failure> {
    let scheduler_type = arguments.options.scheduler_type.clone();
    let options = arguments.options.into_body();
    let body = CloneTask {
        bind: Some(true),
        scheduler_type,
        execution: (options != ExecutionOptionsBody::default()).then_some(options),
    };
    let (id, key) = (arguments.id.get(), arguments.key.as_deref());
    let task = session.client.clone_task(id, &body, key).await?;
    let wait = arguments.wait.wait;
    if wait.is_some() && session.format == Format::Text {
        output::line(&format!("task {} created from {id}", task.id));
    }
    let patience = wait.map(|wait| Patience::new(session, Some(wait)).reached());
    told(&task, patience, session).await
}

pub(super) async fn bind(arguments: BindArgs, session: &Session) -> Result<Code, Failure> {
    let scheduler_type = arguments.options.scheduler_type.clone();
    let options = arguments.options.into_body();
    let body = BindTask {
        scheduler_type,
        queue: options.queue,
        priority: options.priority,
        scheduled_for: options.scheduled_for,
        max_attempts: options.max_attempts,
        backoff: options.backoff,
        attempt_timeout_ms: options.attempt_timeout_ms,
        deadline: options.deadline,
        cancel_grace_ms: options.cancel_grace_ms,
        cancel_children: options.cancel_children,
    };
    let (client, id) = (&session.client, arguments.id.get());
    let Some(wait) = arguments.wait.wait else {
        return told(&client.bind(id, &body).await?, None, session).await;
    };
    // A bind is repeatable: it goes on with the binding that was begun.
    let mut patience = Patience::new(session, Some(wait));
    let bind = || async { Ok(client.bind(id, &body).await?) };
    let task = patience.answer(bind).await?;
    told(&task, Some(patience), session).await
}

/// Prints the task, or waits for its execution and prints that.
async fn told(task: &Task, patience: Option<Patience>, session: &Session) -> Result<Code, Failure> {
    if let Some(patience) = patience {
        return watch::run(task.id, patience, session).await;
    }
    match session.format {
        Format::Json => output::json(task)?,
        Format::Text => {
            output::facts(&describe::task(task));
            output::hint(&next_step(task));
        }
    }
    Ok(Code::Ok)
}

fn next_step(task: &Task) -> String {
    match task.status {
        TaskStatus::Pending => format!("next: taskpilot task bind {}", task.id),
        TaskStatus::Binding | TaskStatus::Bound => {
            format!("next: taskpilot task watch {}", task.id)
        }
        TaskStatus::Canceled => "it is withdrawn".into(),
    }
}

/// Reads a payload: JSON as it stands, from a file, or from standard input.
fn payload(text: &str) -> Result<JsonText, Failure> {
    let text = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("cannot read {path}: {error}")))?,
        None if text == "-" => {
            let mut read = String::new();
            let input = std::io::stdin().read_to_string(&mut read);
            input.map_err(|error| Failure::Usage(format!("cannot read the payload: {error}")))?;
            read
        }
        None => text.to_owned(),
    };
    JsonText::from_text(text.trim()).map_err(|error| {
        let text = format!("the payload is not JSON: {error}; a text needs quotes: '\"hello\"'");
        Failure::Usage(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_json_or_says_how_to_quote_it() {
        assert_eq!(payload("{\"a\": 1}").unwrap().as_str(), "{\"a\": 1}");
        let failure = payload("hello").unwrap_err();
        assert!(
            failure.to_string().contains("a text needs quotes"),
            "{failure}"
        );
        assert!(payload("@/nonexistent").is_err());
    }
}
