//! Forgets cancellations that are kept long enough, slice by slice.

use rusqlite::Connection;
use taskpilot_domain::retention::keys_horizon;
use taskpilot_domain::time::Timestamp;

use crate::failure::Failure;

const LIST_OLD: &str = include_str!("../../../sql/control/cancellations/list_old.sql");
const LIST_ITEMS: &str = include_str!("../../../sql/control/cancellations/list_items.sql");
const DELETE_ITEM: &str = include_str!("../../../sql/control/cancellations/delete_item.sql");
const DELETE: &str = include_str!("../../../sql/control/cancellations/delete.sql");

/// Items first, and the row of one once none is left. Answers how many rows.
pub(in crate::control) fn forget(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<u32, Failure> {
    let before = keys_horizon(now).as_millis();
    let mut list = connection.prepare_cached(LIST_OLD)?;
    let old = list.query_map((before, limit), |row| row.get::<_, i64>(0))?;
    let old = old.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut forgotten = 0;
    for id in old {
        forgotten += delete_items(connection, id, limit - forgotten)?;
        if forgotten >= limit {
            break;
        }
        connection.prepare_cached(DELETE)?.execute([id])?;
        forgotten += 1;
        if forgotten >= limit {
            break;
        }
    }
    Ok(forgotten)
}

fn delete_items(connection: &Connection, id: i64, limit: u32) -> Result<u32, Failure> {
    let mut list = connection.prepare_cached(LIST_ITEMS)?;
    let tasks = list.query_map((id, 0, limit), |row| row.get::<_, i64>(0))?;
    let tasks = tasks.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut delete = connection.prepare_cached(DELETE_ITEM)?;
    let mut deleted = 0;
    for task in tasks {
        delete.execute((id, task))?;
        deleted += 1;
    }
    Ok(deleted)
}
