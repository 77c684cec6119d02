//! Deletes a task for which nothing runs, and remembers its id.

use rusqlite::{Connection, OptionalExtension, params};
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::Namespace;
use taskpilot_domain::tasks::{Deletable, Deletion, deletion};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::tasks::{DeleteOutcome, TaskRecord};

use super::edit::delete_labels;
use super::find_in;
use crate::control::bindings::intents;
use crate::failure::Failure;
use crate::transaction::Tx;

const DELETE: &str = include_str!("../../../sql/control/tasks/delete.sql");
const DELETE_PAYLOAD: &str = include_str!("../../../sql/control/tasks/delete_payload.sql");
const DROP_BINDING: &str = include_str!("../../../sql/control/bindings/drop.sql");
const HAS_CHILDREN: &str = include_str!("../../../sql/control/tasks/has_children.sql");
const INSERT_DELETED: &str = include_str!("../../../sql/control/tasks/insert_deleted.sql");
const GET_DELETED: &str = include_str!("../../../sql/control/tasks/get_deleted.sql");

/// Repeatable: what was deleted stays so.
pub(in crate::control) fn delete(
    tx: &Tx<'_>,
    now: Timestamp,
    (namespace, id): (&Namespace, TaskId),
    ended: Option<ExecutionId>,
) -> Result<DeleteOutcome, Failure> {
    let Some(task) = find_in(tx, namespace, id)? else {
        let here = deleted_in(tx, id)?.is_some_and(|owner| owner == namespace.as_str());
        return Ok(if here {
            DeleteOutcome::Deleted
        } else {
            DeleteOutcome::Missing
        });
    };
    let deletable = Deletable {
        status: task.status,
        bound_to: task.execution,
        ended,
        has_children: has_children(tx, &task)?,
    };
    match deletion(deletable) {
        Deletion::Allowed => {
            remove(tx, now, &task)?;
            Ok(DeleteOutcome::Deleted)
        }
        Deletion::Binding => Ok(DeleteOutcome::Binding),
        Deletion::Bound => Ok(DeleteOutcome::Bound(task)),
        Deletion::HasChildren => Ok(DeleteOutcome::HasChildren),
    }
}

fn has_children(connection: &Connection, task: &TaskRecord) -> Result<bool, Failure> {
    let named = (task.namespace.as_str(), task.id.get());
    let mut statement = connection.prepare_cached(HAS_CHILDREN)?;
    Ok(statement.exists(named)?)
}

/// Whether there was a task of this id, whosever it was.
pub(super) fn is_deleted(connection: &Connection, id: TaskId) -> Result<bool, Failure> {
    deleted_in(connection, id).map(|owner| owner.is_some())
}

fn deleted_in(connection: &Connection, id: TaskId) -> Result<Option<String>, Failure> {
    let owner = connection
        .prepare_cached(GET_DELETED)?
        .query_row([id.get()], |row| row.get(0));
    Ok(owner.optional()?)
}

fn remove(tx: &Connection, now: Timestamp, task: &TaskRecord) -> Result<(), Failure> {
    let id = task.id.get();
    let gone = tx
        .prepare_cached(DELETE)?
        .execute(params![id, task.version])?;
    // There is one writer, and it read this version in the same transaction.
    assert_eq!(gone, 1, "invariant: the version of a task is guarded");
    tx.prepare_cached(DELETE_PAYLOAD)?.execute([id])?;
    tx.prepare_cached(DROP_BINDING)?.execute([id])?;
    intents::delete_all(tx, task.id)?;
    delete_labels(tx, task, |_, _| true)?;
    tx.prepare_cached(INSERT_DELETED)?.execute(params![
        id,
        task.namespace.as_str(),
        now.as_millis()
    ])?;
    Ok(())
}
