//! The merge patch of a task (RFC 7396): what is absent stays, what is null goes.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use taskpilot_domain::limits::TITLE_CHARS_MAX;
use taskpilot_domain::tasks::{LabelsEdit, TaskEdit};
use utoipa::ToSchema;

use super::{check_label, check_labels_count};
use crate::field::{FieldError, at_most};
use crate::schema;

/// `PATCH /api/tasks/{id}`: what is absent stays, what is null goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchTask {
    /// One line for people; null removes it.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<schema::Title>)]
    pub title: Option<Option<String>>,
    /// Labels to set, or with null to remove; the others stay. Null removes them all.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<BTreeMap<String, Option<String>>>)]
    pub labels: Option<Option<BTreeMap<String, Option<String>>>>,
}

impl PatchTask {
    /// Checks every member.
    pub fn resolve(self) -> Result<TaskEdit, FieldError> {
        let title = self.title.as_ref().and_then(Option::as_deref);
        at_most("title", title, TITLE_CHARS_MAX)?;
        let labels = match self.labels {
            None => LabelsEdit::Keep,
            Some(None) => LabelsEdit::Clear,
            Some(Some(changes)) => LabelsEdit::Merge(checked(changes)?),
        };
        Ok(TaskEdit {
            title: self.title,
            labels,
        })
    }
}

fn checked(
    changes: BTreeMap<String, Option<String>>,
) -> Result<BTreeMap<String, Option<String>>, FieldError> {
    let set = changes.values().filter(|value| value.is_some());
    check_labels_count(set.count())?;
    for (key, value) in &changes {
        check_label(key, value.as_deref())?;
    }
    Ok(changes)
}

/// A member that is there, be it null.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str) -> TaskEdit {
        let patch: PatchTask = serde_json::from_str(text).unwrap();
        patch.resolve().unwrap()
    }

    #[test]
    fn absent_and_null_are_two_things() {
        assert_eq!(edit("{}"), TaskEdit::default());
        let all_gone = TaskEdit {
            title: Some(None),
            labels: LabelsEdit::Clear,
        };
        assert_eq!(edit(r#"{"title":null,"labels":null}"#), all_gone);
        let merged = BTreeMap::from([("a".into(), Some("1".into())), ("b".into(), None)]);
        let some = TaskEdit {
            title: Some(Some("t".into())),
            labels: LabelsEdit::Merge(merged),
        };
        assert_eq!(edit(r#"{"title":"t","labels":{"a":"1","b":null}}"#), some);
    }

    #[test]
    fn a_patch_survives_its_text() {
        for text in ["{}", r#"{"title":null}"#, r#"{"labels":{"a":null}}"#] {
            let patch: PatchTask = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&patch).unwrap(), text);
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [r#"{"payload":1}"#, r#"{"title":1}"#, r#"{"labels":[]}"#] {
            assert!(serde_json::from_str::<PatchTask>(text).is_err(), "{text}");
        }
        let long = "x".repeat(TITLE_CHARS_MAX + 1);
        for (text, field) in [
            (&*format!(r#"{{"title":"{long}"}}"#), "title"),
            (r#"{"labels":{"":null}}"#, "labels"),
            (r#"{"labels":{"a":"\u0000"}}"#, "labels"),
        ] {
            let patch: PatchTask = serde_json::from_str(text).unwrap();
            let wrong = patch.resolve().map_err(|error| error.field);
            assert_eq!(wrong, Err(field.to_owned()), "{text}");
        }
    }
}
