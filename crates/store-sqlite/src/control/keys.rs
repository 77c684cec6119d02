//! Idempotency keys of creates. They outlive what they stand for.

use rusqlite::{Connection, OptionalExtension};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::keys::KeyedRequest;

use crate::decode::Columns;
use crate::failure::Failure;

const GET: &str = include_str!("../../sql/control/keys/get.sql");
const INSERT: &str = include_str!("../../sql/control/keys/insert.sql");

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
