//! Lists tasks, newest first.
//!
//! Each condition has an index that ends in the id. Several of them meet by skipping from one to
//! the other, so that a page costs no more than the rarest condition has rows.

use rusqlite::{Connection, OptionalExtension};
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::{PAGE_BYTES_MAX, PAGE_MAX};
use taskpilot_domain::names::{Namespace, TaskType};
use taskpilot_store::rows::tasks::{TaskFilter, TaskRecord};

use super::{TABLE, dangling, find};
use crate::failure::Failure;

const NEXT: &str = include_str!("../../../sql/control/tasks/next.sql");
const NEXT_BY_STATUS: &str = include_str!("../../../sql/control/tasks/next_by_status.sql");
const NEXT_BY_KIND: &str = include_str!("../../../sql/control/tasks/next_by_kind.sql");
const NEXT_BY_LABEL: &str = include_str!("../../../sql/control/tasks/next_by_label.sql");

/// At most a page, below `filter.before`.
pub(in crate::control) fn list(
    connection: &Connection,
    namespace: &Namespace,
    filter: &TaskFilter,
) -> Result<Vec<TaskRecord>, Failure> {
    let conditions = conditions(filter);
    let limit = filter.limit.min(PAGE_MAX) as usize;
    let mut at_most = filter.before.map_or(i64::MAX, |id| id.get() - 1);
    let (mut page, mut bytes) = (Vec::new(), 0);
    while page.len() < limit && bytes < PAGE_BYTES_MAX {
        let Some(id) = meet(connection, namespace, &conditions, at_most)? else {
            break;
        };
        at_most = id - 1;
        let id = TaskId::new(id).map_err(|_| Failure::Corrupt {
            table: TABLE,
            column: "id",
            id,
        })?;
        let task = find(connection, id)?.ok_or_else(|| dangling("task_label", "task", id))?;
        bytes += task.bytes();
        page.push(task);
    }
    Ok(page)
}

enum Condition<'f> {
    Any,
    Status(TaskStatus),
    Kind(&'f TaskType),
    Label(&'f str, &'f str),
}

/// What the filter asks for; labels first, as they are the rarest.
fn conditions(filter: &TaskFilter) -> Vec<Condition<'_>> {
    let labels = filter.labels.iter();
    let mut conditions: Vec<_> = labels
        .map(|(key, value)| Condition::Label(key, value))
        .collect();
    conditions.extend(filter.kind.as_ref().map(Condition::Kind));
    conditions.extend(filter.status.map(Condition::Status));
    if conditions.is_empty() {
        conditions.push(Condition::Any);
    }
    conditions
}

/// The highest id up to `at_most` that all conditions hold for.
fn meet(
    connection: &Connection,
    namespace: &Namespace,
    conditions: &[Condition<'_>],
    at_most: i64,
) -> Result<Option<i64>, Failure> {
    let mut candidate = at_most;
    let mut agreed = 0;
    for condition in conditions.iter().cycle() {
        match condition.next(connection, namespace, candidate)? {
            None => break,
            Some(id) if id == candidate => agreed += 1,
            Some(id) => {
                candidate = id;
                agreed = 1;
            }
        }
        if agreed == conditions.len() {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

impl Condition<'_> {
    /// The highest id up to `at_most` that it holds for.
    fn next(
        &self,
        connection: &Connection,
        namespace: &Namespace,
        at_most: i64,
    ) -> Result<Option<i64>, Failure> {
        let namespace = namespace.as_str();
        let id = |row: &rusqlite::Row<'_>| row.get(0);
        let found = match self {
            Self::Any => connection
                .prepare_cached(NEXT)?
                .query_row((namespace, at_most), id),
            Self::Status(status) => connection
                .prepare_cached(NEXT_BY_STATUS)?
                .query_row((namespace, at_most, status.as_str()), id),
            Self::Kind(kind) => connection
                .prepare_cached(NEXT_BY_KIND)?
                .query_row((namespace, at_most, kind.as_str()), id),
            Self::Label(key, value) => connection
                .prepare_cached(NEXT_BY_LABEL)?
                .query_row((namespace, at_most, key, value), id),
        };
        Ok(found.optional()?)
    }
}
