//! The cancels of a binding as their rows.

use rusqlite::{Connection, Row, params};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::CANCEL_REQUESTS_KEPT_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::bindings::{CancelIntent, OwedCancel};

use crate::decode::Columns;
use crate::failure::Failure;

const INSERT: &str = include_str!("../../../sql/control/bindings/insert_intent.sql");
const LIST: &str = include_str!("../../../sql/control/bindings/list_intents.sql");
const SETTLE: &str = include_str!("../../../sql/control/bindings/settle_intent.sql");
const DELETE_LATER: &str = include_str!("../../../sql/control/bindings/delete_later_intents.sql");
const DROP: &str = include_str!("../../../sql/control/bindings/drop_intents.sql");
const TABLE: &str = "cancel_intent";

/// A cancel with what a record does not show.
pub(super) struct Kept {
    pub(super) cancel: OwedCancel,
    pub(super) is_settled: bool,
}

/// All that are kept of a task, the first one first.
pub(super) fn list(connection: &Connection, task: TaskId) -> Result<Vec<Kept>, Failure> {
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map([task.get()], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Those that are to be carried out.
pub(super) fn owed(connection: &Connection, task: TaskId) -> Result<Vec<OwedCancel>, Failure> {
    let kept = list(connection, task)?.into_iter();
    Ok(kept
        .filter(|kept| !kept.is_settled)
        .map(|kept| kept.cancel)
        .collect())
}

/// Keeps another one; the oldest of too many go, but never the first.
pub(super) fn insert(
    connection: &Connection,
    task: TaskId,
    intent: &CancelIntent,
) -> Result<OwedCancel, Failure> {
    let row = params![
        task.get(),
        intent.requested_at.as_millis(),
        intent.requested_by.as_str(),
        intent.reason,
        intent.cascade,
        intent.request_id,
    ];
    let mut statement = connection.prepare_cached(INSERT)?;
    let number = statement.query_row(row, |row| row.get(0))?;
    connection
        .prepare_cached(DELETE_LATER)?
        .execute((task.get(), CANCEL_REQUESTS_KEPT_MAX))?;
    Ok(OwedCancel {
        number,
        intent: intent.clone(),
    })
}

/// It is owed no more.
pub(super) fn settle(
    connection: &Connection,
    now: Timestamp,
    (task, number): (TaskId, u32),
) -> Result<(), Failure> {
    connection
        .prepare_cached(SETTLE)?
        .execute((task.get(), number, now.as_millis()))?;
    Ok(())
}

/// All of them go with their binding.
pub(in crate::control) fn delete_all(connection: &Connection, task: TaskId) -> Result<(), Failure> {
    connection.prepare_cached(DROP)?.execute([task.get()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Kept, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    columns.value::<i64>("task")?;
    let number = columns.number("number")?;
    let intent = CancelIntent {
        requested_at: columns.instant("requested_at")?,
        requested_by: columns.word("requested_by")?,
        reason: columns.value("reason")?,
        cascade: columns.value("cascades")?,
        request_id: columns.value("request_id")?,
    };
    Ok(Kept {
        cancel: OwedCancel { number, intent },
        is_settled: columns.instant_or_none("settled_at")?.is_some(),
    })
}
