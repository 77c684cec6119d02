//! Counts the stops that are open.

use std::collections::BTreeMap;

use rusqlite::Connection;
use taskpilot_domain::stop::StopStatus;

use crate::failure::Failure;

const COUNT: &str = include_str!("../../../sql/scheduler/latency/count_open.sql");

/// In the order of the columns.
const OPEN: [StopStatus; 5] = [
    StopStatus::Requested,
    StopStatus::Delivered,
    StopStatus::Acknowledged,
    StopStatus::Abandoned,
    StopStatus::Stuck,
];

/// How many stand where, of those that are neither settled nor released.
pub(in crate::scheduler) fn open(
    connection: &Connection,
) -> Result<BTreeMap<StopStatus, u64>, Failure> {
    let mut statement = connection.prepare_cached(COUNT)?;
    let counts = statement.query_row((), |row| {
        let count = |(column, status)| Ok((status, row.get::<_, i64>(column)?.cast_unsigned()));
        OPEN.into_iter().enumerate().map(count).collect()
    })?;
    Ok(counts)
}
