//! Tasks: the user's record of intent.

use std::collections::BTreeMap;
use std::sync::Arc;

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::{Namespace, TaskType};
use taskpilot_domain::time::Timestamp;

use super::bindings::{BindError, BindingRecord, BindingRequest};
use super::keys::KeyedRequest;

/// A task to be created, and bound in the same commit where wanted.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Whose it is.
    pub namespace: Namespace,
    /// Its type.
    pub kind: TaskType,
    /// A line for people.
    pub title: Option<String>,
    /// For filters.
    pub labels: BTreeMap<String, String>,
    /// Any JSON value, as text.
    pub payload: Arc<str>,
    /// Makes the create repeatable.
    pub key: Option<KeyedRequest>,
    /// Begins the binding at once.
    pub bind: Option<BindingRequest>,
    /// The task it was made from.
    pub cloned_from: Option<TaskId>,
    /// The task it belongs to.
    pub parent: Option<TaskId>,
    /// Nothing new can come of it: a repeat is answered as ever, and nothing is created.
    pub repeat_only: bool,
}

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    /// Its id.
    pub id: TaskId,
    /// Whose it is.
    pub namespace: Namespace,
    /// Its type.
    pub kind: TaskType,
    /// A line for people.
    pub title: Option<String>,
    /// For filters.
    pub labels: BTreeMap<String, String>,
    /// Any JSON value, as text.
    pub payload: Arc<str>,
    /// Never an execution state.
    pub status: TaskStatus,
    /// Its execution, written once.
    pub execution: Option<ExecutionId>,
    /// Its binding key, kept as the reference that a cancel expects.
    pub binding_key: Option<String>,
    /// Why the last binding failed or hangs.
    pub bind_error: Option<BindError>,
    /// The task it was made from; that one may be deleted since.
    pub cloned_from: Option<TaskId>,
    /// The task it belongs to, which is there as long as this one is.
    pub parent: Option<TaskId>,
    /// Rises with every change; the first is 1.
    pub version: i64,
    /// The create commit.
    pub created_at: Timestamp,
    /// The last change.
    pub updated_at: Timestamp,
}

impl TaskRecord {
    /// Bytes of its texts and its payload: what makes one task larger than another.
    pub fn bytes(&self) -> usize {
        let labels = self.labels.iter();
        let labels: usize = labels.map(|(key, value)| key.len() + value.len()).sum();
        self.payload.len() + labels + self.title.as_ref().map_or(0, String::len)
    }
}

/// What became of a create.
#[derive(Debug, Clone, PartialEq)]
pub enum CreateTaskOutcome {
    /// It is new; with its binding where one was begun.
    Created(TaskRecord, Option<BindingRecord>),
    /// The key stands for this one already; with its binding while that is unfinished.
    Replayed(TaskRecord, Option<BindingRecord>),
    /// The key stands for another request.
    Mismatch,
    /// Only a repeat was wanted, and nothing stands under the key.
    NoRepeat,
    /// The task that it shall belong to is not there.
    NoParent,
    /// The key stands for this one, which is deleted.
    Gone(TaskId),
}

/// A page of tasks, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<TaskRecord>,
    /// The next page is below this id; `None`: there is none. One that ends at a bound of the walk
    /// may have few tasks or none, and a next page all the same.
    pub next: Option<TaskId>,
}

/// Which tasks to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Only of this status.
    pub status: Option<TaskStatus>,
    /// Only of this type.
    pub kind: Option<TaskType>,
    /// Only with all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Only those that belong to this one.
    pub parent: Option<TaskId>,
    /// Only with this text in the title; capitals and small letters are the same.
    pub title: Option<String>,
    /// Only below this id.
    pub before: Option<TaskId>,
    /// At most so many.
    pub limit: u32,
}

/// What became of an edit.
#[derive(Debug, Clone, PartialEq)]
pub enum EditOutcome {
    /// The task as it is now; an edit that changes nothing is no new version.
    Edited(TaskRecord),
    /// It has another version than those that were expected.
    Stale,
    /// It would have more labels than a task can have.
    TooManyLabels,
    /// There is no such task here.
    Missing,
}

/// What became of a deletion.
#[derive(Debug, Clone, PartialEq)]
pub enum DeleteOutcome {
    /// It is gone, now or before.
    Deleted,
    /// It is being bound.
    Binding,
    /// It is bound to this execution, which was not said to have ended.
    Bound(TaskRecord),
    /// Other tasks belong to it.
    HasChildren,
    /// There never was such a task here.
    Missing,
}

/// What became of a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithdrawOutcome {
    /// It is withdrawn, now or before.
    Withdrawn,
    /// It is binding or bound: its execution must be canceled instead.
    Conflict(TaskStatus),
    /// There is no such task here.
    Missing,
}
