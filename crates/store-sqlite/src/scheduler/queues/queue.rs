//! Rows of queues.

use rusqlite::{Connection, Row};
use taskpilot_domain::names::{Namespace, QueueName};
use taskpilot_domain::queue::{
    LastChange, MaxRunning, Pause, QueueCounts, QueueRule, QueueSettings, Steered,
};
use taskpilot_store::rows::queues::QueueRecord;

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::word_or_none;
use crate::scheduler::names::find_namespace;

pub(super) const TABLE: &str = "queue";
const GET: &str = include_str!("../../../sql/scheduler/queues/get.sql");
const LIST: &str = include_str!("../../../sql/scheduler/queues/list.sql");

/// The queues of a namespace by name, from a name on.
pub(in crate::scheduler) fn list(
    connection: &Connection,
    namespace: &Namespace,
    after: Option<&QueueName>,
    limit: u32,
) -> Result<Vec<QueueRecord>, Failure> {
    let Some(namespace) = find_namespace(connection, namespace)? else {
        return Ok(Vec::new());
    };
    // No name is empty.
    let after = after.map_or("", QueueName::as_str);
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map((namespace, after, limit), |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// One queue as the last commit left it.
pub(super) fn get(connection: &Connection, id: i64) -> Result<QueueRecord, Failure> {
    let mut statement = connection.prepare_cached(GET)?;
    statement.query_row([id], |row| Ok(read(row)))?
}

fn read(row: &Row<'_>) -> Result<QueueRecord, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    columns.value::<i64>("id")?;
    let name = columns.word("name")?;
    let max_running = limit(&mut columns)?;
    let paused_at = columns.instant_or_none("paused_at")?;
    let paused_by = columns.word_or_none("paused_by")?;
    let reason: Option<String> = columns.value("pause_reason")?;
    let pause = paused_at
        .zip(paused_by)
        .map(|(at, by)| Pause { at, by, reason });
    let last_change = last_change(&mut columns)?;
    Ok(QueueRecord {
        name,
        settings: QueueSettings {
            max_running,
            pause,
            last_change,
        },
        counts: QueueCounts {
            ready: columns.number("ready")?,
            scheduled: columns.number("scheduled")?,
            backing_off: columns.number("backing_off")?,
            blocked: columns.number("blocked")?,
            running: columns.number("running")?,
            stopping: columns.number("stopping")?,
        },
    })
}

fn last_change(columns: &mut Columns<'_, '_>) -> Result<Option<LastChange>, Failure> {
    let what: Option<Steered> = word_or_none(columns, "changed")?;
    let at = columns.instant_or_none("changed_at")?;
    let by = columns.word_or_none("changed_by")?;
    let reason = columns.value("change_reason")?;
    let known = what.zip(at).zip(by);
    Ok(known.map(|((what, at), by)| LastChange {
        what,
        at,
        by,
        reason,
    }))
}

/// The columns that a claim depends on: its rule, and what it holds.
pub(in crate::scheduler) fn rule(
    columns: &mut Columns<'_, '_>,
) -> Result<(QueueRule, u64), Failure> {
    let rule = QueueRule {
        max_running: limit(columns)?,
        paused: columns.value("paused")?,
    };
    Ok((rule, columns.number("held")?))
}

fn limit(columns: &mut Columns<'_, '_>) -> Result<Option<MaxRunning>, Failure> {
    let count: Option<u32> = columns.number_or_none("max_running")?;
    // One beyond today's bound is kept as the largest there is.
    let largest = taskpilot_domain::limits::QUEUE_RUNNING_MAX;
    Ok(count.and_then(|count| MaxRunning::new(count.min(largest)).ok()))
}
