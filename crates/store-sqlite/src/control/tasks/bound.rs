//! Finds tasks by the executions they are bound to.

use rusqlite::{Connection, Row};
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::Namespace;

use super::TABLE;
use crate::decode::Columns;
use crate::failure::Failure;

const FIND_BOUND: &str = include_str!("../../../sql/control/tasks/find_bound.sql");

/// Each of `executions` that a task of the namespace is bound to, with that task.
pub(in crate::control) fn find(
    connection: &Connection,
    namespace: &Namespace,
    executions: &[ExecutionId],
) -> Result<Vec<(ExecutionId, TaskId)>, Failure> {
    let ids: Vec<i64> = executions.iter().copied().map(ExecutionId::get).collect();
    let ids = serde_json::to_string(&ids).expect("invariant: numbers are always JSON");
    connection
        .prepare_cached(FIND_BOUND)?
        .query_map((namespace.as_str(), ids), |row| Ok(read(row)))?
        .map(|row| row?)
        .collect()
}

fn read(row: &Row<'_>) -> Result<(ExecutionId, TaskId), Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let task = columns.number("id")?;
    Ok((columns.number("execution")?, task))
}
