//! A cancellation as its row: read whole, written back.

use rusqlite::{Connection, OptionalExtension, Row, params};
use taskpilot_domain::cancellation::{CancellationOutcome, Pace};
use taskpilot_domain::ids::CancellationId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::cancellations::{CancellationCounts, CancellationRecord};

use crate::decode::Columns;
use crate::failure::Failure;

const GET: &str = include_str!("../../../sql/control/cancellations/get.sql");
const UPDATE: &str = include_str!("../../../sql/control/cancellations/update.sql");
pub(super) const TABLE: &str = "cancellation";

/// The cancellation of this id, whosever it is.
pub(super) fn find(
    connection: &Connection,
    id: CancellationId,
) -> Result<Option<CancellationRecord>, Failure> {
    connection
        .prepare_cached(GET)?
        .query_row([id.get()], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

/// The same, if it is of this namespace.
pub(in crate::control) fn find_in(
    connection: &Connection,
    namespace: &Namespace,
    id: CancellationId,
) -> Result<Option<CancellationRecord>, Failure> {
    let found = find(connection, id)?;
    Ok(found.filter(|found| found.namespace == *namespace))
}

/// Writes what was changed in it.
pub(super) fn save(connection: &Connection, record: &CancellationRecord) -> Result<(), Failure> {
    let count = |outcome| as_column(record.counts.of(outcome));
    connection.prepare_cached(UPDATE)?.execute(params![
        record.id.get(),
        record.status.as_str(),
        record.match_below.map(i64::from),
        record.known_at.map(Timestamp::as_millis),
        as_column(record.total),
        count(CancellationOutcome::Canceled),
        count(CancellationOutcome::Already),
        count(CancellationOutcome::Changed),
        count(CancellationOutcome::NotBound),
        count(CancellationOutcome::Refused),
        count(CancellationOutcome::Missing),
        record.completed_at.map(Timestamp::as_millis),
        record.asked_until.map(Timestamp::as_millis),
        record.pace.decided,
        record.pace.due_at.as_millis(),
    ])?;
    Ok(())
}

pub(super) fn as_column(count: u64) -> i64 {
    i64::try_from(count).expect("invariant: there are fewer items than ids")
}

pub(super) fn read(row: &Row<'_>) -> Result<CancellationRecord, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let mut record = CancellationRecord {
        id: columns.number("id")?,
        namespace: columns.word("namespace")?,
        status: columns.word("status")?,
        requested_at: columns.instant("requested_at")?,
        requested_by: columns.word("requested_by")?,
        reason: columns.value("reason")?,
        filter: columns.value("filter")?,
        match_below: columns.number_or_none("match_below")?,
        known_at: columns.instant_or_none("known_at")?,
        total: columns.number("total")?,
        max_per_second: columns.number_or_none("max_per_second")?,
        pace: Pace {
            decided: columns.number("portion_decided")?,
            due_at: columns.instant("due_at")?,
        },
        counts: CancellationCounts::default(),
        asked_until: None,
        completed_at: None,
    };
    for outcome in CancellationOutcome::ALL {
        let count = columns.number(outcome.as_str())?;
        record.counts.add(outcome, count);
    }
    record.completed_at = columns.instant_or_none("completed_at")?;
    record.asked_until = columns.instant_or_none("asked_until")?;
    Ok(record)
}
