//! Edits the words of a task, if it is still the version that the caller has seen.

use taskpilot_api::field::FieldError;
use taskpilot_api::tasks::PatchTask;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::tasks::TooManyLabels;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::Tags;
use taskpilot_store::rows::tasks::{EditOutcome, TaskRecord};

use crate::app::App;
use crate::http::error::{no_task, stale, unavailable};

/// The task as it is after the edit.
pub(crate) async fn edit(
    app: &App,
    (namespace, id): (&Namespace, TaskId),
    seen: Tags,
    patch: PatchTask,
) -> Result<TaskRecord, ApiError> {
    let edit = patch.resolve()?;
    let outcome = app
        .store
        .edit_task(app.now(), (namespace, id), versions(&seen), edit)
        .await;
    match outcome.map_err(unavailable)? {
        EditOutcome::Edited(task) => Ok(task),
        EditOutcome::Stale => Err(stale()),
        EditOutcome::TooManyLabels => Err(FieldError::new("labels", TooManyLabels).into()),
        EditOutcome::Missing => Err(no_task(id)),
    }
}

/// The entity tag of a task, without its quotes: every change of a task is a new version.
pub(crate) fn tag(version: u64) -> String {
    version.to_string()
}

/// The versions that tags name; `None` names any. A tag that is none of ours names none.
fn versions(tags: &Tags) -> Option<Vec<i64>> {
    let Tags::These(tags) = tags else {
        return None;
    };
    let strong = tags.iter().filter(|one| !one.weak);
    let read = strong.filter_map(|one| {
        let version: u64 = one.opaque.parse().ok()?;
        (tag(version) == one.opaque).then(|| i64::try_from(version).ok())?
    });
    Some(read.collect())
}

#[cfg(test)]
mod tests {
    use taskpilot_server::extract::Tag;

    use super::*;

    #[test]
    fn only_our_own_strong_tags_name_a_version() {
        let tag = |opaque: &str, weak| Tag {
            opaque: opaque.into(),
            weak,
        };
        let tags = [
            tag("3", false),
            tag("4", true),
            tag("05", false),
            tag("+6", false),
            tag("x", false),
            tag("18446744073709551615", false),
        ];
        assert_eq!(versions(&Tags::These(tags.into())), Some(vec![3]));
        assert_eq!(versions(&Tags::Any), None);
    }
}
