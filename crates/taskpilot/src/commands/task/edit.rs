//! `task edit` and `task delete`.

use std::collections::BTreeMap;

use taskpilot_api::tasks::PatchTask;
use taskpilot_domain::ids::TaskId;

use super::arguments::EditArgs;
use crate::commands::{Session, describe};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// Reads the task and edits that version: a change between the two is a conflict, and told as one.
pub(super) async fn run(arguments: EditArgs, session: &Session) -> Result<Code, Failure> {
    let id = arguments.id.get();
    let patch = patch(arguments)?;
    let seen = session.client.get(id).await?;
    let task = session.client.edit(id, seen.version, &patch).await?;
    match session.format {
        Format::Json => output::json(&task)?,
        Format::Text => output::facts(&describe::task(&task)),
    }
    Ok(Code::Ok)
}

fn patch(arguments: EditArgs) -> Result<PatchTask, Failure> {
    let mut labels: BTreeMap<String, Option<String>> = BTreeMap::new();
    let set = arguments.labels.into_iter();
    labels.extend(set.map(|(key, value)| (key, Some(value))));
    for key in arguments.remove_labels {
        if labels.insert(key.clone(), None).flatten().is_some() {
            let text = format!("label {key} is set and removed at once");
            return Err(Failure::Usage(text));
        }
    }
    let title = match arguments.title {
        Some(title) => Some(Some(title)),
        None => arguments.remove_title.then_some(None),
    };
    Ok(PatchTask {
        title,
        labels: (!labels.is_empty()).then_some(Some(labels)),
    })
}

pub(super) async fn delete(id: TaskId, session: &Session) -> Result<Code, Failure> {
    session.client.delete(id.get()).await?;
    match session.format {
        Format::Json => output::json(&serde_json::json!({"id": id, "deleted": true}))?,
        Format::Text => output::line(&format!("task {id} deleted")),
    }
    Ok(Code::Ok)
}
