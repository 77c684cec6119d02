//! Keeps a new cancellation, with its items where they are named.

use rusqlite::{Connection, OptionalExtension, params};
use taskpilot_domain::cancellation::{CancellationStatus, MaxPerSecond, Pace};
use taskpilot_domain::ids::{CancellationId, TaskId};
use taskpilot_domain::names::Namespace;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::cancellations::{
    CancellationCounts, CancellationRecord, CancellationTarget, CreateCancellationOutcome,
    NewCancellation,
};
use taskpilot_store::rows::keys::KeyedRequest;

use super::cancellation::{TABLE, as_column, find};
use crate::control::tasks;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::transaction::Tx;

const FIND_KEYED: &str = include_str!("../../../sql/control/cancellations/find_keyed.sql");
const INSERT: &str = include_str!("../../../sql/control/cancellations/insert.sql");
const INSERT_ITEM: &str = include_str!("../../../sql/control/cancellations/insert_item.sql");

/// About what a cancellation keeps in memory and writes.
pub(in crate::control) fn bytes(new: &NewCancellation) -> usize {
    let target = match &new.target {
        CancellationTarget::Tasks(tasks) => 32 * tasks.len(),
        CancellationTarget::Filter(filter) => filter.len(),
    };
    512 + target
}

pub(in crate::control) fn create(
    tx: &Tx<'_>,
    now: Timestamp,
    new: &NewCancellation,
) -> Result<CreateCancellationOutcome, Failure> {
    if let Some(request) = &new.key
        && let Some(known) = find_keyed(tx, &new.namespace, request)?
    {
        return Ok(known);
    }
    insert(tx, now, new).map(CreateCancellationOutcome::Created)
}

fn find_keyed(
    connection: &Connection,
    namespace: &Namespace,
    request: &KeyedRequest,
) -> Result<Option<CreateCancellationOutcome>, Failure> {
    let mut statement = connection.prepare_cached(FIND_KEYED)?;
    let found = statement
        .query_row((namespace.as_str(), request.key.as_str()), |row| {
            let mut columns = match Columns::of(row, TABLE) {
                Ok(columns) => columns,
                Err(failure) => return Ok(Err(failure)),
            };
            Ok(columns
                .number("id")
                .and_then(|id| Ok((id, columns.value("fingerprint")?))))
        })
        .optional()?
        .transpose()?;
    let Some((id, fingerprint)): Option<(CancellationId, [u8; 32])> = found else {
        return Ok(None);
    };
    if fingerprint != request.fingerprint {
        return Ok(Some(CreateCancellationOutcome::Mismatch));
    }
    Ok(find(connection, id)?.map(CreateCancellationOutcome::Replayed))
}

fn insert(
    tx: &Connection,
    now: Timestamp,
    new: &NewCancellation,
) -> Result<CancellationRecord, Failure> {
    let (status, tasks, filter, match_below) = match &new.target {
        CancellationTarget::Tasks(tasks) => (CancellationStatus::Running, &tasks[..], None, None),
        CancellationTarget::Filter(filter) => {
            let below = tasks::above_all(tx, &new.namespace)?;
            let matching = CancellationStatus::Matching;
            (matching, &[][..], Some(filter.clone()), Some(below))
        }
    };
    tx.prepare_cached(INSERT)?.execute(params![
        new.namespace.as_str(),
        status.as_str(),
        now.as_millis(),
        new.requested_by.as_str(),
        new.reason,
        filter,
        match_below.map(i64::from),
        as_column(tasks.len() as u64),
        new.key.as_ref().map(|request| request.key.as_str()),
        new.key.as_ref().map(|request| request.fingerprint),
        new.max_per_second.map(MaxPerSecond::get),
    ])?;
    let id = tx.last_insert_rowid();
    let id = CancellationId::new(id).map_err(|_| Failure::Corrupt {
        table: TABLE,
        column: "id",
        id,
    })?;
    insert_items(tx, id, tasks)?;
    Ok(CancellationRecord {
        id,
        namespace: new.namespace.clone(),
        status,
        requested_at: now,
        requested_by: new.requested_by.clone(),
        reason: new.reason.clone(),
        filter,
        match_below,
        known_at: None,
        asked_until: None,
        total: tasks.len() as u64,
        max_per_second: new.max_per_second,
        pace: Pace::BEGIN,
        counts: CancellationCounts::default(),
        completed_at: None,
    })
}

pub(super) fn insert_items(
    connection: &Connection,
    id: CancellationId,
    tasks: &[TaskId],
) -> Result<(), Failure> {
    let mut insert = connection.prepare_cached(INSERT_ITEM)?;
    for task in tasks {
        insert.execute((id.get(), task.get()))?;
    }
    Ok(())
}
