//! Lists cancellations, and the items of one.

use rusqlite::{Connection, Params, Row};
use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::ids::{CancellationId, TaskId};
use taskpilot_domain::limits::PAGE_MAX;
use taskpilot_domain::names::Namespace;
use taskpilot_store::rows::cancellations::{
    CancellationItemFilter, CancellationItemRecord, CancellationRecord, UndecidedItem,
    UndecidedStanding,
};

use super::cancellation::{find, find_in, read};
use crate::decode::Columns;
use crate::failure::Failure;

const LIST: &str = include_str!("../../../sql/control/cancellations/list.sql");
const LIST_OPEN: &str = include_str!("../../../sql/control/cancellations/list_open.sql");
const LIST_ITEMS: &str = include_str!("../../../sql/control/cancellations/list_items.sql");
const LIST_ITEMS_BY_OUTCOME: &str =
    include_str!("../../../sql/control/cancellations/list_items_by_outcome.sql");
const LIST_UNDECIDED: &str = include_str!("../../../sql/control/cancellations/list_undecided.sql");
const ITEMS: &str = "cancellation_item";

/// One more than a page, so that it shows whether there is a next one.
const ROWS_MAX: u32 = PAGE_MAX + 1;

/// Newest first.
pub(in crate::control) fn list(
    connection: &Connection,
    namespace: &Namespace,
    (before, limit): (Option<CancellationId>, u32),
) -> Result<Vec<CancellationRecord>, Failure> {
    let before = before.map_or(i64::MAX, i64::from);
    let limit = limit.min(ROWS_MAX);
    rows(connection, LIST, (namespace.as_str(), before, limit), read)
}

/// Those for which something is left to do.
pub(in crate::control) fn list_open(
    connection: &Connection,
    limit: u32,
) -> Result<Vec<CancellationRecord>, Failure> {
    rows(connection, LIST_OPEN, [limit.min(ROWS_MAX)], read)
}

/// The items of one, by their ids.
pub(in crate::control) fn list_items(
    connection: &Connection,
    (namespace, id): (&Namespace, CancellationId),
    filter: CancellationItemFilter,
) -> Result<Option<Vec<CancellationItemRecord>>, Failure> {
    if find_in(connection, namespace, id)?.is_none() {
        return Ok(None);
    }
    let after = filter.after.map_or(0, i64::from);
    let limit = filter.limit.min(ROWS_MAX);
    let items = match filter.outcome.map(CancellationOutcome::as_str) {
        None => rows(connection, LIST_ITEMS, (id.get(), after, limit), read_item),
        Some(outcome) => rows(
            connection,
            LIST_ITEMS_BY_OUTCOME,
            (id.get(), after, limit, outcome),
            read_item,
        ),
    };
    items.map(Some)
}

/// What is left to decide, by its ids.
pub(in crate::control) fn list_undecided(
    connection: &Connection,
    id: CancellationId,
    limit: u32,
) -> Result<Vec<UndecidedItem>, Failure> {
    let Some(record) = find(connection, id)? else {
        return Ok(Vec::new());
    };
    let (namespace, limit) = (record.namespace.as_str(), limit.min(ROWS_MAX));
    let named = (id.get(), namespace, limit);
    rows(connection, LIST_UNDECIDED, named, read_undecided)
}

fn rows<T>(
    connection: &Connection,
    sql: &'static str,
    named: impl Params,
    read: fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(named)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read_item(row: &Row<'_>) -> Result<CancellationItemRecord, Failure> {
    let mut columns = Columns::of(row, ITEMS)?;
    Ok(CancellationItemRecord {
        task: columns.number("task")?,
        outcome: columns.word_or_none("outcome")?,
    })
}

fn read_undecided(row: &Row<'_>) -> Result<UndecidedItem, Failure> {
    let mut columns = Columns::of(row, ITEMS)?;
    let task: TaskId = columns.number("task")?;
    let intended = columns.value("intended")?;
    let status = columns.word_or_none("status")?;
    let execution = columns.number_or_none("execution")?;
    let binding_key = columns.value("binding_key")?;
    let standing = status.map(|status| UndecidedStanding {
        status,
        execution,
        binding_key,
    });
    Ok(UndecidedItem {
        task,
        intended,
        standing,
    })
}
