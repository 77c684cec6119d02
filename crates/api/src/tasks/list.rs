//! The query of the list of tasks. Its labels repeat, so it is read pair by pair.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::{
    LABEL_KEY_CHARS_MAX, LABEL_VALUE_CHARS_MAX, LABELS_MAX, TITLE_CHARS_MAX,
};
use taskpilot_domain::names::TaskType;

use crate::field::{FieldError, at_most, parse};

/// The query of `GET /api/tasks`.
#[derive(Debug, Clone, Default, PartialEq, Eq, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListTasks {
    /// Only tasks with this status.
    #[param(value_type = Option<String>)]
    pub status: Option<TaskStatus>,
    /// Only tasks of this type.
    #[param(value_type = Option<String>)]
    pub r#type: Option<TaskType>,
    /// Only tasks with this label, as `key=value`; may be given again, and all of them count.
    #[param(rename = "label", value_type = Option<Vec<String>>)]
    pub labels: BTreeMap<String, String>,
    /// Only the children of this task.
    #[param(rename = "parentTaskId", value_type = Option<crate::schema::Id>)]
    pub parent: Option<TaskId>,
    /// Only tasks with this text in their title; capitals and small letters are the same.
    #[param(value_type = Option<String>)]
    pub title: Option<String>,
    /// Items of the page, 1 to 1,000; 50 unless told otherwise.
    pub limit: Option<u32>,
    /// The `next` of the page before, under the same filters.
    pub after: Option<String>,
}

impl ListTasks {
    /// Reads the parameters; an unknown one, and a repeated one that is no label, is refused.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, FieldError> {
        let mut list = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "status" => set(&mut list.status, &name, &value)?,
                "type" => set(&mut list.r#type, &name, &value)?,
                "parentTaskId" => set(&mut list.parent, &name, &value)?,
                "label" => list.add_label(&value)?,
                "title" => list.set_title(&value)?,
                "limit" => set(&mut list.limit, &name, &value)?,
                "after" => set(&mut list.after, &name, &value)?,
                _ => return Err(FieldError::new(name, "there is no such parameter")),
            }
        }
        Ok(list)
    }

    fn set_title(&mut self, text: &str) -> Result<(), FieldError> {
        if text.is_empty() {
            return Err(FieldError::new("title", "a text of at least 1 character"));
        }
        at_most("title", Some(text), TITLE_CHARS_MAX)?;
        set(&mut self.title, "title", text)
    }

    fn add_label(&mut self, pair: &str) -> Result<(), FieldError> {
        let wrong = |message: &str| FieldError::new("label", message);
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| wrong("a label is asked for as key=value"))?;
        at_most("label", Some(key), LABEL_KEY_CHARS_MAX)?;
        at_most("label", Some(value), LABEL_VALUE_CHARS_MAX)?;
        let before = self.labels.insert(key.to_owned(), value.to_owned());
        if before.is_some() {
            return Err(wrong("a key is asked for once"));
        }
        if self.labels.len() > LABELS_MAX {
            return Err(wrong("more labels than a task can have"));
        }
        Ok(())
    }

    /// What the cursor is bound to.
    pub fn scope(&self) -> String {
        let status = self.status.map_or("", TaskStatus::as_str);
        let of_type = self.r#type.as_ref().map_or("", TaskType::as_str);
        let parent = self.parent.map_or(0, TaskId::get);
        // The debug form escapes, so that no label can spell another filter.
        format!(
            "tasks status={status} type={of_type} parent={parent} labels={:?} title={:?}",
            self.labels, self.title
        )
    }
}

fn set<T>(slot: &mut Option<T>, name: &str, value: &str) -> Result<(), FieldError>
where
    T: FromStr,
    T::Err: Display,
{
    if slot.is_some() {
        return Err(FieldError::new(name, "it is given once"));
    }
    *slot = Some(parse(name, value)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ListTasks, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        ListTasks::from_pairs(pairs.iter().map(own).collect()).map_err(|error| error.field)
    }

    #[test]
    fn labels_repeat_and_their_values_hold_anything() {
        let query = [
            ("status", "BOUND"),
            ("type", "demo"),
            ("parentTaskId", "7"),
            ("label", "a=b=c"),
            ("label", "d="),
            ("title", "T"),
            ("limit", "5"),
        ];
        let labels = [("a", "b=c"), ("d", "")].map(|(key, value)| (key.into(), value.into()));
        let expected = ListTasks {
            status: Some(TaskStatus::Bound),
            r#type: TaskType::new("demo").ok(),
            labels: labels.into(),
            parent: TaskId::new(7).ok(),
            title: Some("T".into()),
            limit: Some(5),
            after: None,
        };
        assert_eq!(read(&query), Ok(expected));
    }

    #[test]
    fn each_wrong_parameter_is_named() {
        for (pairs, name) in [
            (&[("status", "pending")][..], "status"),
            (&[("limit", "")], "limit"),
            (&[("limit", "1"), ("limit", "2")], "limit"),
            (&[("label", "a")], "label"),
            (&[("label", "=b")], "label"),
            (&[("label", "a=1"), ("label", "a=2")], "label"),
            (&[("title", "")], "title"),
            (&[("title", "a"), ("title", "b")], "title"),
            (&[("surely", "unknown")], "surely"),
        ] {
            assert_eq!(read(pairs), Err(name.to_owned()), "{pairs:?}");
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_labels() {
        let scope = |value: &str| read(&[("label", value)]).unwrap().scope();
        assert_ne!(scope("a=b"), scope("a=c"));
    }
}
