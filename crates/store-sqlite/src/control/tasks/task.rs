//! A task as its row: read whole, written under its version.

use rusqlite::{Connection, OptionalExtension, Row, params};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::bindings::BindError;
use taskpilot_store::rows::tasks::TaskRecord;

use crate::decode::Columns;
use crate::failure::Failure;

const GET: &str = include_str!("../../../sql/control/tasks/get.sql");
const UPDATE: &str = include_str!("../../../sql/control/tasks/update.sql");
pub(super) const TABLE: &str = "task";

/// The task of this id, whosever it is.
pub(in crate::control) fn find(
    connection: &Connection,
    id: TaskId,
) -> Result<Option<TaskRecord>, Failure> {
    connection
        .prepare_cached(GET)?
        .query_row([id.get()], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

/// The task of this id, if it is of this namespace.
pub(in crate::control) fn find_in(
    connection: &Connection,
    namespace: &Namespace,
    id: TaskId,
) -> Result<Option<TaskRecord>, Failure> {
    let task = find(connection, id)?;
    Ok(task.filter(|task| task.namespace == *namespace))
}

/// Writes what was changed in `task`, as its next version.
pub(in crate::control) fn save(
    connection: &Connection,
    now: Timestamp,
    mut task: TaskRecord,
) -> Result<TaskRecord, Failure> {
    task.updated_at = task.updated_at.max(now);
    let error = task.bind_error.as_ref();
    let written = connection.prepare_cached(UPDATE)?.execute(params![
        task.id.get(),
        task.version,
        task.status.as_str(),
        task.execution.map(i64::from),
        task.binding_key,
        error.map(|error| &error.code),
        error.map(|error| &error.detail),
        task.updated_at.as_millis(),
    ])?;
    // There is one writer, and it read this version in the same transaction.
    assert_eq!(written, 1, "invariant: the version of a task is guarded");
    task.version += 1;
    Ok(task)
}

/// A reference that must hold did not lead to a task or a binding.
pub(in crate::control) fn dangling(
    table: &'static str,
    column: &'static str,
    id: TaskId,
) -> Failure {
    Failure::Corrupt {
        table,
        column,
        id: id.get(),
    }
}

fn read(row: &Row<'_>) -> Result<TaskRecord, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    Ok(TaskRecord {
        id: columns.number("id")?,
        namespace: columns.word("namespace")?,
        kind: columns.word("kind")?,
        title: columns.value("title")?,
        labels: columns.json_or_default("labels")?,
        payload: columns.value("payload")?,
        status: columns.word("status")?,
        execution: columns.number_or_none("execution")?,
        binding_key: columns.value("binding_key")?,
        bind_error: read_bind_error(&mut columns, "bind_error_code", "bind_error_detail")?,
        cloned_from: columns.number_or_none("cloned_from")?,
        parent: columns.number_or_none("parent")?,
        version: columns.value("version")?,
        created_at: columns.instant("created_at")?,
        updated_at: columns.instant("updated_at")?,
    })
}

/// An error in two columns, both or none.
pub(in crate::control) fn read_bind_error(
    columns: &mut Columns<'_, '_>,
    code: &'static str,
    detail: &'static str,
) -> Result<Option<BindError>, Failure> {
    let error: (Option<String>, Option<String>) = (columns.value(code)?, columns.value(detail)?);
    match error {
        (Some(code), Some(detail)) => Ok(Some(BindError { code, detail })),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(columns.corrupt(detail)),
    }
}
