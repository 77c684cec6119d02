//! Creates tasks, each at most once per key, and begins bindings in the same commit.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use taskpilot_domain::binding::{BindingChange, BindingEvent, TaskStatus, advance};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::bindings::BindingRecord;
use taskpilot_store::rows::keys::KeyedRequest;
use taskpilot_store::rows::tasks::{CreateTaskOutcome, NewTask, TaskRecord};

use super::{TABLE, dangling, delete, find, find_in};
use crate::control::{bindings, keys};
use crate::failure::Failure;
use crate::transaction::Tx;

const INSERT: &str = include_str!("../../../sql/control/tasks/insert.sql");
const INSERT_PAYLOAD: &str = include_str!("../../../sql/control/tasks/insert_payload.sql");
pub(super) const INSERT_LABEL: &str = include_str!("../../../sql/control/tasks/insert_label.sql");

/// About what a create keeps in memory and writes.
pub(in crate::control) fn bytes(task: &NewTask) -> usize {
    let bodies = task.bind.as_ref().map_or(0, bindings::start::bytes);
    512 + task.payload.len() + bodies
}

/// One outcome per item. Each item sees the earlier ones, so that a key twice is folded.
pub(in crate::control) fn create(
    tx: &Tx<'_>,
    now: Timestamp,
    tasks: &[NewTask],
) -> Result<Vec<CreateTaskOutcome>, Failure> {
    tasks.iter().map(|task| create_one(tx, now, task)).collect()
}

fn create_one(
    tx: &Connection,
    now: Timestamp,
    task: &NewTask,
) -> Result<CreateTaskOutcome, Failure> {
    let known = match &task.key {
        Some(request) => find_keyed(tx, &task.namespace, request)?,
        None => None,
    };
    match known {
        Some(outcome) => Ok(outcome),
        None if task.repeat_only => Ok(CreateTaskOutcome::NoRepeat),
        None => insert(tx, now, task),
    }
}

/// What stands under the key, as a repeat is answered.
pub(in crate::control) fn find_keyed(
    connection: &Connection,
    namespace: &Namespace,
    request: &KeyedRequest,
) -> Result<Option<CreateTaskOutcome>, Failure> {
    match keys::look_up(connection, namespace, request)? {
        keys::Standing::Free => Ok(None),
        keys::Standing::Taken(id) => replay(connection, id).map(Some),
        keys::Standing::Mismatch => Ok(Some(CreateTaskOutcome::Mismatch)),
    }
}

fn replay(connection: &Connection, id: TaskId) -> Result<CreateTaskOutcome, Failure> {
    let Some(task) = find(connection, id)? else {
        return if delete::is_deleted(connection, id)? {
            Ok(CreateTaskOutcome::Gone(id))
        } else {
            Err(dangling("idempotency", "task", id))
        };
    };
    let binding = if task.status == TaskStatus::Binding {
        Some(bindings::of(connection, id)?)
    } else {
        None
    };
    Ok(CreateTaskOutcome::Replayed(task, binding))
}

fn insert(tx: &Connection, now: Timestamp, task: &NewTask) -> Result<CreateTaskOutcome, Failure> {
    if let Some(parent) = task.parent
        && find_in(tx, &task.namespace, parent)?.is_none()
    {
        return Ok(CreateTaskOutcome::NoParent);
    }
    let record = insert_row(tx, now, task)?;
    tx.prepare_cached(INSERT_PAYLOAD)?
        .execute(params![record.id.get(), record.payload])?;
    let mut insert_label = tx.prepare_cached(INSERT_LABEL)?;
    for (key, value) in &record.labels {
        let namespace = record.namespace.as_str();
        insert_label.execute(params![namespace, key, value, record.id.get()])?;
    }
    if let Some(request) = &task.key {
        keys::insert(tx, now, &task.namespace, (request, record.id))?;
    }
    let binding = begin(tx, now, task, &record)?;
    Ok(CreateTaskOutcome::Created(record, binding))
}

fn insert_row(tx: &Connection, now: Timestamp, task: &NewTask) -> Result<TaskRecord, Failure> {
    let (status, binding_key) = first_status(task);
    let labels = labels_text(&task.labels);
    tx.prepare_cached(INSERT)?.execute(params![
        task.namespace.as_str(),
        task.kind.as_str(),
        task.title,
        labels,
        status.as_str(),
        binding_key,
        FIRST_VERSION,
        now.as_millis(),
        task.cloned_from.map(i64::from),
        task.parent.map(i64::from),
    ])?;
    let id = tx.last_insert_rowid();
    Ok(TaskRecord {
        id: TaskId::new(id).map_err(|_| Failure::Corrupt {
            table: TABLE,
            column: "id",
            id,
        })?,
        namespace: task.namespace.clone(),
        kind: task.kind.clone(),
        title: task.title.clone(),
        labels: task.labels.clone(),
        payload: task.payload.clone(),
        status,
        execution: None,
        binding_key,
        bind_error: None,
        cloned_from: task.cloned_from,
        parent: task.parent,
        version: FIRST_VERSION,
        created_at: now,
        updated_at: now,
    })
}

const FIRST_VERSION: i64 = 1;

/// A task that is bound at once is `PENDING` for no instant that anybody could see.
fn first_status(task: &NewTask) -> (TaskStatus, Option<String>) {
    let Some(request) = &task.bind else {
        return (TaskStatus::Pending, None);
    };
    match advance(TaskStatus::Pending, None, BindingEvent::BindRequested) {
        BindingChange::Moved(status) => (status, Some(request.key.as_str().into())),
        BindingChange::Unchanged | BindingChange::Conflict | BindingChange::Alarm => {
            (TaskStatus::Pending, None)
        }
    }
}

fn begin(
    tx: &Connection,
    now: Timestamp,
    task: &NewTask,
    record: &TaskRecord,
) -> Result<Option<BindingRecord>, Failure> {
    match &task.bind {
        Some(request) if record.status == TaskStatus::Binding => {
            bindings::insert(tx, now, record, request).map(Some)
        }
        Some(_) | None => Ok(None),
    }
}

/// `None` for none.
pub(super) fn labels_text(labels: &BTreeMap<String, String>) -> Option<String> {
    let text = || serde_json::to_string(labels).expect("invariant: texts are always JSON");
    (!labels.is_empty()).then(text)
}
