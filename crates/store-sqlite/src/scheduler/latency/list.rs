//! Adds up what was counted in a time.

use rusqlite::{Connection, Row};
use taskpilot_domain::histogram::Bucket;
use taskpilot_domain::names::{Namespace, TaskType};
use taskpilot_store::rows::latency::{LatencyFilter, StopLatency};

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::word;
use crate::scheduler::names::find_namespace;

const LIST: &str = include_str!("../../../sql/scheduler/latency/list.sql");

/// The counts of a namespace by type, stage and bucket.
pub(in crate::scheduler) fn list(
    connection: &Connection,
    namespace: &Namespace,
    filter: &LatencyFilter,
) -> Result<Vec<StopLatency>, Failure> {
    let Some(namespace) = find_namespace(connection, namespace)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(LIST)?;
    let (from, to) = filter.minutes();
    let kind = filter.kind.as_ref().map(TaskType::as_str);
    let rows = statement.query_map((namespace, from, to, kind), |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

fn read(row: &Row<'_>) -> Result<StopLatency, Failure> {
    let mut columns = Columns::of(row, "stop_latency")?;
    columns.value::<i64>("type")?;
    Ok(StopLatency {
        kind: columns.word("type_name")?,
        stage: word(&mut columns, "stage")?,
        bucket: Bucket(columns.number("bucket")?),
        count: columns.number("count")?,
    })
}
