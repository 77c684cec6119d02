//! Tasks on the user's surface: what is created, read and listed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::limits::{
    LABEL_KEY_CHARS_MAX, LABEL_VALUE_CHARS_MAX, LABELS_MAX, TITLE_CHARS_MAX,
};
use taskpilot_domain::names::TaskType;
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::bindings::BindError;
use crate::executions::ExecutionSummary;
use crate::field::{FieldError, at_most, parse};
use crate::json::JsonText;
use crate::options::ExecutionOptionsBody;
use crate::schema;

mod batch;
mod binding;
mod clone;
mod list;
mod patch;

pub use batch::{BatchAnswer, CreateBatch, KeyedCreate};
use binding::Binding;
pub use clone::CloneTask;
pub use list::ListTasks;
pub use patch::PatchTask;

/// A task: the user's record of intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: TaskId,
    /// What kind of work it is.
    #[schema(value_type = schema::TaskType)]
    pub r#type: TaskType,
    /// One line for people.
    #[schema(value_type = Option<schema::Title>)]
    pub title: Option<String>,
    /// Keys and values for people and filters.
    #[schema(value_type = schema::Labels)]
    pub labels: BTreeMap<String, String>,
    /// What the handler gets, as it was sent.
    pub payload: JsonText,
    /// Status of the task, never of its execution.
    #[schema(value_type = schema::TaskStatus)]
    pub status: TaskStatus,
    /// Its execution; null while it is not bound.
    #[schema(value_type = Option<schema::Id>)]
    pub scheduler_task_id: Option<ExecutionId>,
    /// Rises with every change of the task; the first is 1.
    pub version: u64,
    /// When it was created.
    #[schema(value_type = schema::Instant)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = schema::Instant)]
    pub updated_at: Timestamp,
    /// Why the last bind failed; absent while that does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind_error: Option<BindError>,
    /// The task it was cloned from; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub cloned_from: Option<TaskId>,
    /// The task it belongs to; absent where it has no parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub parent_task_id: Option<TaskId>,
}

/// A task in a list, with what the scheduler says of its execution.
///
/// The fields of [`Task`] are written out: `serde(flatten)` would parse the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskItem {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: TaskId,
    /// What kind of work it is.
    #[schema(value_type = schema::TaskType)]
    pub r#type: TaskType,
    /// One line for people.
    #[schema(value_type = Option<schema::Title>)]
    pub title: Option<String>,
    /// Keys and values for people and filters.
    #[schema(value_type = schema::Labels)]
    pub labels: BTreeMap<String, String>,
    /// What the handler gets, as it was sent.
    pub payload: JsonText,
    /// Status of the task, never of its execution.
    #[schema(value_type = schema::TaskStatus)]
    pub status: TaskStatus,
    /// Its execution; null while it is not bound.
    #[schema(value_type = Option<schema::Id>)]
    pub scheduler_task_id: Option<ExecutionId>,
    /// Rises with every change of the task; the first is 1.
    pub version: u64,
    /// When it was created.
    #[schema(value_type = schema::Instant)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = schema::Instant)]
    pub updated_at: Timestamp,
    /// Why the last bind failed; absent while that does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind_error: Option<BindError>,
    /// The task it was cloned from; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub cloned_from: Option<TaskId>,
    /// The task it belongs to; absent where it has no parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub parent_task_id: Option<TaskId>,
    /// How its execution stands; null where it has none, is not found or could not be asked for.
    pub execution: Option<ExecutionSummary>,
    /// True where it has an execution and the scheduler could not be asked; else absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub execution_unavailable: bool,
    /// True where it has an execution that the scheduler does not know: one that is forgotten after
    /// its retention, or lost; else absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub execution_not_found: bool,
}

/// What a list knows of the execution of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedExecution {
    /// The task has none.
    None,
    /// The scheduler could not be asked.
    Unavailable,
    /// The scheduler does not know it.
    NotFound,
    /// The scheduler's word.
    Known(ExecutionSummary),
}

impl TaskItem {
    /// Joins a task and its execution.
    pub fn new(task: Task, listed: ListedExecution) -> Self {
        let execution_unavailable = listed == ListedExecution::Unavailable;
        let execution_not_found = listed == ListedExecution::NotFound;
        let execution = match listed {
            ListedExecution::Known(summary) => Some(summary),
            ListedExecution::None | ListedExecution::Unavailable | ListedExecution::NotFound => {
                None
            }
        };
        Self {
            id: task.id,
            r#type: task.r#type,
            title: task.title,
            labels: task.labels,
            payload: task.payload,
            status: task.status,
            scheduler_task_id: task.scheduler_task_id,
            version: task.version,
            created_at: task.created_at,
            updated_at: task.updated_at,
            bind_error: task.bind_error,
            cloned_from: task.cloned_from,
            parent_task_id: task.parent_task_id,
            execution,
            execution_unavailable,
            execution_not_found,
        }
    }
}

/// `POST /api/tasks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTask {
    /// What kind of work it is.
    #[schema(value_type = schema::TaskType)]
    pub r#type: String,
    /// One line for people.
    #[serde(default)]
    #[schema(value_type = Option<schema::Title>)]
    pub title: Option<String>,
    /// Keys and values for people and filters.
    #[serde(default)]
    #[schema(value_type = Option<schema::Labels>)]
    pub labels: Option<BTreeMap<String, String>>,
    /// What the handler gets: any JSON value, null unless told otherwise.
    #[serde(default)]
    pub payload: JsonText,
    /// The task it belongs to, which is in the same namespace; never changed. With `bind`, that task is
    /// bound already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub parent_task_id: Option<TaskId>,
    /// Whether to bind it at once; no unless told otherwise.
    #[serde(default)]
    pub bind: Option<bool>,
    /// With `bind`: the type that the scheduler is asked for, instead of `type`.
    #[serde(default)]
    #[schema(value_type = Option<schema::TaskType>)]
    pub scheduler_type: Option<String>,
    /// With `bind`: how the execution is to be run.
    #[serde(default, deserialize_with = "crate::object::maybe")]
    pub execution: Option<ExecutionOptionsBody>,
}

/// A checked [`CreateTask`].
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// What kind of work it is.
    pub r#type: TaskType,
    /// One line for people.
    pub title: Option<String>,
    /// Keys and values for people and filters.
    pub labels: BTreeMap<String, String>,
    /// What the handler gets.
    pub payload: JsonText,
    /// The task it belongs to.
    pub parent: Option<TaskId>,
    /// How to bind it at once; `None` leaves it PENDING.
    pub bind: Option<NewBinding>,
}

/// A checked request to bind.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBinding {
    /// The type for the scheduler; `None` takes the task's own.
    pub scheduler_type: Option<TaskType>,
    /// How the execution is to be run; the instants are not yet judged against the clock.
    pub options: ExecutionOptions,
}

impl CreateTask {
    /// Checks every field that needs no clock.
    pub fn resolve(self) -> Result<NewTask, FieldError> {
        let labels = self.labels.unwrap_or_default();
        check_labels(&labels)?;
        at_most("title", self.title.as_deref(), TITLE_CHARS_MAX)?;
        let bind = Binding {
            bind: self.bind,
            scheduler_type: self.scheduler_type,
            execution: self.execution,
        };
        Ok(NewTask {
            r#type: parse("type", &self.r#type)?,
            title: self.title,
            labels,
            payload: self.payload,
            parent: self.parent_task_id,
            bind: bind.resolve()?,
        })
    }
}

pub(crate) fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), FieldError> {
    check_labels_count(labels.len())?;
    for (key, value) in labels {
        check_label(key, Some(value))?;
    }
    Ok(())
}

fn check_labels_count(count: usize) -> Result<(), FieldError> {
    if count > LABELS_MAX {
        return Err(FieldError::new(
            "labels",
            format_args!("at most {LABELS_MAX} labels"),
        ));
    }
    Ok(())
}

fn check_label(key: &str, value: Option<&str>) -> Result<(), FieldError> {
    if key.is_empty() {
        return Err(FieldError::new("labels", "a key has at least 1 character"));
    }
    at_most("labels", Some(key), LABEL_KEY_CHARS_MAX)?;
    at_most("labels", value, LABEL_VALUE_CHARS_MAX)
}

/// `PUT /api/tasks/{id}/cancel`: nothing to say yet, and nothing else is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawBody {}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(text: &str) -> Result<NewTask, FieldError> {
        serde_json::from_str::<CreateTask>(text).unwrap().resolve()
    }

    #[test]
    fn the_shortest_create_is_a_type() {
        let expected = NewTask {
            r#type: TaskType::new("demo").unwrap(),
            title: None,
            labels: BTreeMap::new(),
            payload: JsonText::null(),
            parent: None,
            bind: None,
        };
        assert_eq!(create(r#"{"type":"demo"}"#), Ok(expected));
    }

    #[test]
    fn each_wrong_field_is_named() {
        let long = "x".repeat(TITLE_CHARS_MAX + 1);
        for (text, field) in [
            (r#"{"type":""}"#, "type"),
            (&*format!(r#"{{"type":"a","title":"{long}"}}"#), "title"),
            (r#"{"type":"a","labels":{"":"x"}}"#, "labels"),
            (r#"{"type":"a","schedulerType":"a"}"#, "schedulerType"),
            (r#"{"type":"a","execution":{}}"#, "execution"),
            (
                r#"{"type":"a","bind":true,"schedulerType":"a b"}"#,
                "schedulerType",
            ),
            (
                r#"{"type":"a","bind":true,"execution":{"priority":99}}"#,
                "execution.priority",
            ),
        ] {
            let wrong = create(text).map_err(|error| error.field);
            assert_eq!(wrong, Err(field.to_owned()), "{text}");
        }
        assert!(serde_json::from_str::<CreateTask>(r#"{"type":"a","x":1}"#).is_err());
    }

    #[test]
    fn a_task_survives_its_text_and_reading_tolerates_more() {
        let text = r#"{"id":1,"type":"demo","title":null,"labels":{"a":"b"},"payload":1.00,
            "status":"BOUND","schedulerTaskId":7,"version":3,
            "createdAt":"2026-01-31T12:00:00.000Z","updatedAt":"2026-01-31T12:00:00.001Z"}"#;
        let task: Task = serde_json::from_str(text).unwrap();
        let compact = JsonText::from_text(text).unwrap().compact();
        assert_eq!(serde_json::to_string(&task).unwrap(), compact);
        let more = compact.replacen('{', r#"{"color":"red","#, 1);
        assert_eq!(serde_json::from_str::<Task>(&more).unwrap(), task);
    }

    #[test]
    fn an_item_says_why_its_execution_is_missing() {
        let text = r#"{"id":1,"type":"a","title":null,"labels":{},"payload":"x","status":"BOUND",
            "schedulerTaskId":7,"version":1,"createdAt":"2026-01-31T12:00:00.000Z",
            "updatedAt":"2026-01-31T12:00:00.000Z"}"#;
        let task: Task = serde_json::from_str(text).unwrap();
        for (listed, end) in [
            (
                ListedExecution::Unavailable,
                r#","execution":null,"executionUnavailable":true}"#,
            ),
            (
                ListedExecution::NotFound,
                r#","execution":null,"executionNotFound":true}"#,
            ),
        ] {
            let item = TaskItem::new(task.clone(), listed);
            let written = serde_json::to_string(&item).unwrap();
            assert!(written.ends_with(end), "{written}");
            assert_eq!(serde_json::from_str::<TaskItem>(&written).unwrap(), item);
        }
        let none = serde_json::to_string(&TaskItem::new(task, ListedExecution::None)).unwrap();
        assert!(none.ends_with(r#","execution":null}"#), "{none}");
    }
}
