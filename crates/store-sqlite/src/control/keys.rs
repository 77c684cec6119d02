//! Idempotency keys of creates. They outlive what they stand for.

use rusqlite::{Connection, OptionalExtension};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::retention::keys_horizon;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::keys::KeyedRequest;

use crate::decode::Columns;
use crate::failure::Failure;

const GET: &str = include_str!("../../sql/control/keys/get.sql");
const INSERT: &str = include_str!("../../sql/control/keys/insert.sql");

const LIST_OLD: &str = include_str!("../../sql/control/keys/list_old.sql");
const DELETE: &str = include_str!("../../sql/control/keys/delete.sql");

/// What a key stands for.
pub(super) enum Standing {
    /// Nothing yet.
    Free,
    /// This task, created by the same request.
    Taken(TaskId),
    /// Another request.
    Mismatch,
}

pub(super) fn look_up(
    connection: &Connection,
    namespace: &Namespace,
    request: &KeyedRequest,
) -> Result<Standing, Failure> {
    let mut statement = connection.prepare_cached(GET)?;
    let found = statement
        .query_row((namespace.as_str(), request.key.as_str()), |row| {
            Ok(read(row))
        })
        .optional()?
        .transpose()?;
    Ok(match found {
        None => Standing::Free,
        Some((task, fingerprint)) if fingerprint == request.fingerprint => Standing::Taken(task),
        Some(_) => Standing::Mismatch,
    })
}

fn read(row: &rusqlite::Row<'_>) -> Result<(TaskId, [u8; 32]), Failure> {
    let mut columns = Columns::of(row, "idempotency")?;
    Ok((columns.number("task")?, columns.value("fingerprint")?))
}

pub(super) fn insert(
    connection: &Connection,
    now: Timestamp,
    namespace: &Namespace,
    (request, task): (&KeyedRequest, TaskId),
) -> Result<(), Failure> {
    connection.prepare_cached(INSERT)?.execute((
        namespace.as_str(),
        request.key.as_str(),
        request.fingerprint,
        task.get(),
        now.as_millis(),
    ))?;
    Ok(())
}

/// Forgets the oldest keys, where they are kept long enough.
pub(super) fn forget(connection: &Connection, now: Timestamp, limit: u32) -> Result<u32, Failure> {
    let before = keys_horizon(now).as_millis();
    let mut list = connection.prepare_cached(LIST_OLD)?;
    let rows = list.query_map((before, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let old: Vec<(String, String)> = rows.collect::<rusqlite::Result<_>>()?;
    let mut delete = connection.prepare_cached(DELETE)?;
    let mut forgotten = 0;
    for (namespace, key) in old {
        delete.execute((namespace, key))?;
        forgotten += 1;
    }
    Ok(forgotten)
}
