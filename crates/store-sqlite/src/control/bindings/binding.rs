//! A binding as its row.

use rusqlite::{Connection, OptionalExtension, Row, params};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::{BINDING_OVERDUE_MS, PAGE_MAX};
use taskpilot_domain::names::IdempotencyKey;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::bindings::{BindingRecord, BindingRequest};
use taskpilot_store::rows::tasks::TaskRecord;

use super::intents;
use crate::control::tasks::{dangling, read_bind_error};
use crate::decode::Columns;
use crate::failure::Failure;

const INSERT: &str = include_str!("../../../sql/control/bindings/insert.sql");
const GET: &str = include_str!("../../../sql/control/bindings/get.sql");
const IS_WANTED: &str = include_str!("../../../sql/control/bindings/is_wanted.sql");
const LIST_DUE: &str = include_str!("../../../sql/control/bindings/list_due.sql");
const UPDATE: &str = include_str!("../../../sql/control/bindings/update.sql");
const DELETE: &str = include_str!("../../../sql/control/bindings/delete.sql");
const TABLE: &str = "binding";

/// A row, with what a record does not show.
pub(in crate::control) struct Binding {
    pub(in crate::control) record: BindingRecord,
    /// `None`: only an operator can go on.
    pub(in crate::control) next_try_at: Option<Timestamp>,
}

impl Binding {
    /// Whether a cancel was committed and is not answered for good.
    pub(in crate::control) fn owes_cancel(&self) -> bool {
        !self.record.cancels.is_empty()
    }
}

/// The binding of a task that is `BINDING`, and so has one.
pub(in crate::control) fn of(
    connection: &Connection,
    task: TaskId,
) -> Result<BindingRecord, Failure> {
    let binding = find(connection, task)?.ok_or_else(|| dangling("task", "status", task))?;
    Ok(binding.record)
}

/// The row of a task, if it has one.
pub(in crate::control) fn find(
    connection: &Connection,
    task: TaskId,
) -> Result<Option<Binding>, Failure> {
    let found = connection
        .prepare_cached(GET)?
        .query_row([task.get()], |row| Ok(read(row)))
        .optional()?
        .transpose()?;
    found
        .map(|binding| with_cancels(connection, binding))
        .transpose()
}

fn with_cancels(connection: &Connection, mut binding: Binding) -> Result<Binding, Failure> {
    binding.record.cancels = intents::owed(connection, binding.record.task)?;
    Ok(binding)
}

/// The row of a task if this key is in force: an answer to an earlier one changes nothing.
pub(in crate::control) fn find_under(
    connection: &Connection,
    task: TaskId,
    key: &IdempotencyKey,
) -> Result<Option<Binding>, Failure> {
    let binding = find(connection, task)?;
    Ok(binding.filter(|binding| binding.record.request.key == *key))
}

/// The same, as the seam shows it.
pub(in crate::control) fn get(
    connection: &Connection,
    task: TaskId,
    key: &IdempotencyKey,
) -> Result<Option<BindingRecord>, Failure> {
    let binding = find_under(connection, task, key)?;
    Ok(binding.map(|binding| binding.record))
}

/// Of each whether it is there and owes no cancel, without its bodies.
pub(in crate::control) fn are_wanted(
    connection: &Connection,
    bindings: &[(TaskId, IdempotencyKey)],
) -> Result<Vec<bool>, Failure> {
    let mut statement = connection.prepare_cached(IS_WANTED)?;
    let mut wanted = Vec::with_capacity(bindings.len());
    for (task, key) in bindings {
        let found = statement.query_row((task.get(), key.as_str()), |row| row.get(0));
        wanted.push(found.optional()?.unwrap_or(false));
    }
    Ok(wanted)
}

/// What the reconciler has to look at, the longest due first.
pub(in crate::control) fn list_due(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<BindingRecord>, Failure> {
    let mut statement = connection.prepare_cached(LIST_DUE)?;
    let mut rows = statement.query((now.as_millis(), limit.min(PAGE_MAX)))?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        due.push(with_cancels(connection, read(row)?)?.record);
    }
    Ok(due)
}

/// Begins a binding. The caller drives it; the reconciler looks when that takes too long.
pub(in crate::control) fn insert(
    connection: &Connection,
    now: Timestamp,
    task: &TaskRecord,
    request: &BindingRequest,
) -> Result<BindingRecord, Failure> {
    let next_try_at = now.plus_ms(BINDING_OVERDUE_MS);
    connection.prepare_cached(INSERT)?.execute(params![
        task.id.get(),
        task.namespace.as_str(),
        request.key.as_str(),
        request.principal.as_str(),
        now.as_millis(),
        next_try_at.as_millis(),
        request.extended,
        request.plain,
    ])?;
    Ok(BindingRecord {
        task: task.id,
        namespace: task.namespace.clone(),
        parent: task.parent,
        request: request.clone(),
        begun_at: now,
        plain_sent_at: None,
        refused: None,
        cancels: Vec::new(),
        tries: 0,
        next_try_at,
        execution: None,
    })
}

/// Writes what was changed in a row; its cancels have rows of their own.
pub(in crate::control) fn save(connection: &Connection, binding: &Binding) -> Result<(), Failure> {
    let record = &binding.record;
    let millis = |instant: Option<Timestamp>| instant.map(Timestamp::as_millis);
    let refused = record.refused.as_ref();
    connection.prepare_cached(UPDATE)?.execute(params![
        record.task.get(),
        record.request.key.as_str(),
        millis(record.plain_sent_at),
        refused.map(|error| &error.code),
        refused.map(|error| &error.detail),
        record.tries,
        millis(binding.next_try_at),
    ])?;
    Ok(())
}

/// Ends a binding under this key.
pub(in crate::control) fn delete(
    connection: &Connection,
    task: TaskId,
    key: &IdempotencyKey,
) -> Result<(), Failure> {
    let row = (task.get(), key.as_str());
    if connection.prepare_cached(DELETE)?.execute(row)? > 0 {
        intents::delete_all(connection, task)?;
    }
    Ok(())
}

/// Without its cancels.
fn read(row: &Row<'_>) -> Result<Binding, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let task = columns.number("task")?;
    let namespace = columns.word("namespace")?;
    let request = BindingRequest {
        key: columns.word("key")?,
        principal: columns.word("principal")?,
        extended: columns.value("extended")?,
        plain: columns.value("plain")?,
    };
    let begun_at = columns.instant("begun_at")?;
    let plain_sent_at = columns.instant_or_none("plain_sent_at")?;
    let refused = read_bind_error(&mut columns, "refused_code", "refused_detail")?;
    let tries = columns.number("tries")?;
    let next_try_at = columns.instant_or_none("next_try_at")?;
    let record = BindingRecord {
        task,
        namespace,
        request,
        begun_at,
        plain_sent_at,
        refused,
        cancels: Vec::new(),
        tries,
        next_try_at: next_try_at.unwrap_or(Timestamp::from_millis(i64::MAX)),
        execution: columns.number_or_none("execution")?,
        parent: columns.number_or_none("parent")?,
    };
    Ok(Binding {
        record,
        next_try_at,
    })
}
