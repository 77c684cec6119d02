//! What an edit makes of the words of a task, and when a task may be deleted.

use std::collections::BTreeMap;

use crate::binding::TaskStatus;
use crate::ids::ExecutionId;
use crate::limits::LABELS_MAX;

/// What people may change in a task: a merge patch (RFC 7396), member by member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskEdit {
    /// The title: left alone, or set, where `None` removes it.
    pub title: Option<Option<String>>,
    /// The labels.
    pub labels: LabelsEdit,
}

/// What becomes of the labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LabelsEdit {
    /// They stay.
    #[default]
    Keep,
    /// They all go.
    Clear,
    /// Each of these keys is set, or removed with `None`; the other labels stay.
    Merge(BTreeMap<String, Option<String>>),
}

/// The words of a task that an edit may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// A line for people.
    pub title: Option<String>,
    /// Keys and values for people and filters.
    pub labels: BTreeMap<String, String>,
}

/// An edit would give a task more labels than it can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a task has at most {LABELS_MAX} labels")]
pub struct TooManyLabels;

impl TaskEdit {
    /// The words of a task after this edit.
    pub fn of(&self, words: &Words) -> Result<Words, TooManyLabels> {
        let mut labels = match &self.labels {
            LabelsEdit::Keep | LabelsEdit::Merge(_) => words.labels.clone(),
            LabelsEdit::Clear => BTreeMap::new(),
        };
        if let LabelsEdit::Merge(changes) = &self.labels {
            for (key, value) in changes {
                match value {
                    Some(value) => labels.insert(key.clone(), value.clone()),
                    None => labels.remove(key),
                };
            }
        }
        if labels.len() > LABELS_MAX {
            return Err(TooManyLabels);
        }
        let title = self.title.clone().unwrap_or_else(|| words.title.clone());
        Ok(Words { title, labels })
    }
}

/// Whether a task may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Nothing runs for it and nothing will.
    Allowed,
    /// Its create is on the way to the scheduler.
    Binding,
    /// It has an execution that is not known to have ended.
    Bound,
    /// Other tasks say that they belong to it.
    HasChildren,
}

/// What decides whether a task may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletable {
    /// Its status.
    pub status: TaskStatus,
    /// Its execution.
    pub bound_to: Option<ExecutionId>,
    /// The execution that the scheduler says is final, or no longer knows.
    pub ended: Option<ExecutionId>,
    /// Whether any task belongs to it.
    pub has_children: bool,
}

/// Decides whether a task may be deleted.
pub fn deletion(task: Deletable) -> Deletion {
    let Deletable {
        status,
        bound_to,
        ended,
        has_children,
    } = task;
    if has_children {
        return Deletion::HasChildren;
    }
    match status {
        TaskStatus::Pending | TaskStatus::Canceled => Deletion::Allowed,
        TaskStatus::Binding => Deletion::Binding,
        TaskStatus::Bound if ended.is_some() && ended == bound_to => Deletion::Allowed,
        TaskStatus::Bound => Deletion::Bound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect()
    }

    fn merge(changes: &[(&str, Option<&str>)]) -> LabelsEdit {
        let changes = changes.iter();
        LabelsEdit::Merge(
            changes
                .map(|(key, value)| ((*key).into(), value.map(Into::into)))
                .collect(),
        )
    }

    fn words() -> Words {
        Words {
            title: Some("old".into()),
            labels: labels(&[("a", "1"), ("b", "2")]),
        }
    }

    #[test]
    fn each_member_is_kept_set_or_removed() {
        let kept = TaskEdit::default().of(&words());
        assert_eq!(kept, Ok(words()));
        let edit = TaskEdit {
            title: Some(Some("new".into())),
            labels: merge(&[("a", None), ("b", Some("3")), ("c", Some("")), ("d", None)]),
        };
        let expected = Words {
            title: Some("new".into()),
            labels: labels(&[("b", "3"), ("c", "")]),
        };
        assert_eq!(edit.of(&words()), Ok(expected));
        let edit = TaskEdit {
            title: Some(None),
            labels: LabelsEdit::Clear,
        };
        let bare = Words {
            title: None,
            labels: labels(&[]),
        };
        assert_eq!(edit.of(&words()), Ok(bare));
    }

    #[test]
    fn the_labels_that_are_left_count() {
        let many: Vec<String> = (0..LABELS_MAX).map(|n| format!("k{n}")).collect();
        let full = Words {
            title: None,
            labels: many
                .iter()
                .map(|key| (key.clone(), String::new()))
                .collect(),
        };
        let edit = |labels| TaskEdit {
            title: None,
            labels,
        };
        let more = edit(merge(&[("more", Some("x"))]));
        assert_eq!(more.of(&full), Err(TooManyLabels));
        let instead = edit(merge(&[("more", Some("x")), ("k0", None)]));
        assert!(instead.of(&full).is_ok());
    }

    #[test]
    fn only_what_runs_or_may_run_is_not_deleted() {
        let id = |id| ExecutionId::new(id).unwrap();
        for (status, bound_to, ended, expected) in [
            (TaskStatus::Pending, None, None, Deletion::Allowed),
            (TaskStatus::Canceled, None, None, Deletion::Allowed),
            (TaskStatus::Binding, None, None, Deletion::Binding),
            (TaskStatus::Bound, Some(id(7)), None, Deletion::Bound),
            (TaskStatus::Bound, Some(id(7)), Some(id(8)), Deletion::Bound),
            (
                TaskStatus::Bound,
                Some(id(7)),
                Some(id(7)),
                Deletion::Allowed,
            ),
        ] {
            let task = Deletable {
                status,
                bound_to,
                ended,
                has_children: false,
            };
            assert_eq!(deletion(task), expected, "{status:?}");
            let parent = Deletable {
                has_children: true,
                ..task
            };
            assert_eq!(deletion(parent), Deletion::HasChildren, "{status:?}");
        }
    }
}
