//! Lists tasks, newest first.
//!
//! Each condition has an index that ends in the id. Several of them meet by skipping from one to
//! the other, so that a page costs no more than the rarest condition has rows. A text in the title
//! has no index: it is looked for in what the others leave. A walk is bounded in any case.

use rusqlite::{Connection, OptionalExtension};
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::{LIST_STEPS_MAX, PAGE_BYTES_MAX, PAGE_MAX};
use taskpilot_domain::names::{Namespace, TaskType};
use taskpilot_store::rows::tasks::{TaskFilter, TaskPage};

use super::{TABLE, dangling, find};
use crate::failure::Failure;

const GET_TITLE: &str = include_str!("../../../sql/control/tasks/get_title.sql");
const NEXT: &str = include_str!("../../../sql/control/tasks/next.sql");
const NEXT_BY_STATUS: &str = include_str!("../../../sql/control/tasks/next_by_status.sql");
const NEXT_BY_KIND: &str = include_str!("../../../sql/control/tasks/next_by_kind.sql");
const NEXT_BY_PARENT: &str = include_str!("../../../sql/control/tasks/next_by_parent.sql");
const NEXT_BY_LABEL: &str = include_str!("../../../sql/control/tasks/next_by_label.sql");

/// At most a page, below `filter.before`.
pub(in crate::control) fn list(
    connection: &Connection,
    namespace: &Namespace,
    filter: &TaskFilter,
) -> Result<TaskPage, Failure> {
    let mut walk = Walk::of(connection, namespace, filter);
    let limit = filter.limit.min(PAGE_MAX) as usize;
    let (mut page, mut bytes) = (TaskPage::default(), 0);
    let mut at_most = filter.before.map_or(i64::MAX, |id| id.get() - 1);
    while page.tasks.len() < limit && bytes < PAGE_BYTES_MAX {
        let id = match walk.next(at_most)? {
            Found::Id(id) => id,
            Found::Nothing => return Ok(page),
            Found::NotYet(at_most) => {
                page.next = below(at_most);
                return Ok(page);
            }
        };
        at_most = id - 1;
        let id = task_id(id)?;
        let task = find(connection, id)?;
        let task = task.ok_or_else(|| dangling("task_label", "task", id))?;
        bytes += task.bytes();
        page.tasks.push(task);
    }
    // Who asks for the next page wants to find something there, if that is not far to look.
    page.next = match walk.next(at_most)? {
        Found::Nothing => None,
        Found::Id(_) | Found::NotYet(_) => below(at_most),
    };
    Ok(page)
}

/// An id that is above those of all tasks of a namespace.
pub(in crate::control) fn above_all(
    connection: &Connection,
    namespace: &Namespace,
) -> Result<TaskId, Failure> {
    let highest = Condition::Any.next(connection, namespace, i64::MAX)?;
    task_id(highest.unwrap_or(0) + 1)
}

/// The cursor of a walk that goes on at `at_most`; there is nothing at or below zero.
fn below(at_most: i64) -> Option<TaskId> {
    at_most.checked_add(1).and_then(|id| TaskId::new(id).ok())
}

fn task_id(id: i64) -> Result<TaskId, Failure> {
    TaskId::new(id).map_err(|_| Failure::Corrupt {
        table: TABLE,
        column: "id",
        id,
    })
}

/// The way from id to id, newest first.
struct Walk<'w> {
    connection: &'w Connection,
    namespace: &'w Namespace,
    conditions: Vec<Condition<'w>>,
    /// In small letters.
    title: Option<String>,
    steps: u32,
}

enum Found {
    Id(i64),
    Nothing,
    /// The steps are used up; it would go on here.
    NotYet(i64),
}

impl<'w> Walk<'w> {
    fn of(connection: &'w Connection, namespace: &'w Namespace, filter: &'w TaskFilter) -> Self {
        Self {
            connection,
            namespace,
            conditions: conditions(filter),
            title: filter.title.as_ref().map(|title| title.to_lowercase()),
            steps: LIST_STEPS_MAX,
        }
    }

    /// The highest id up to `at_most` that everything holds for.
    fn next(&mut self, mut at_most: i64) -> Result<Found, Failure> {
        loop {
            let found = self.meet(at_most)?;
            let Found::Id(id) = found else {
                return Ok(found);
            };
            if self.is_titled(id)? {
                return Ok(Found::Id(id));
            }
            at_most = id - 1;
        }
    }

    /// The highest id up to `at_most` that all conditions hold for.
    fn meet(&mut self, at_most: i64) -> Result<Found, Failure> {
        let mut candidate = at_most;
        let mut agreed = 0;
        for condition in self.conditions.iter().cycle() {
            if self.steps == 0 {
                return Ok(Found::NotYet(candidate));
            }
            self.steps -= 1;
            match condition.next(self.connection, self.namespace, candidate)? {
                None => break,
                Some(id) if id == candidate => agreed += 1,
                Some(id) => {
                    candidate = id;
                    agreed = 1;
                }
            }
            if agreed == self.conditions.len() {
                return Ok(Found::Id(candidate));
            }
        }
        Ok(Found::Nothing)
    }

    fn is_titled(&self, id: i64) -> Result<bool, Failure> {
        let Some(wanted) = &self.title else {
            return Ok(true);
        };
        let mut statement = self.connection.prepare_cached(GET_TITLE)?;
        let title: Option<String> = statement.query_row([id], |row| row.get(0))?;
        Ok(title.is_some_and(|title| title.to_lowercase().contains(wanted)))
    }
}

enum Condition<'f> {
    Any,
    Status(TaskStatus),
    Kind(&'f TaskType),
    Parent(TaskId),
    Label(&'f str, &'f str),
}

/// What the filter asks for; a parent and labels first, as they are the rarest.
fn conditions(filter: &TaskFilter) -> Vec<Condition<'_>> {
    let labels = filter.labels.iter();
    let labels = labels.map(|(key, value)| Condition::Label(key, value));
    let parent = filter.parent.map(Condition::Parent);
    let mut conditions: Vec<_> = parent.into_iter().chain(labels).collect();
    conditions.extend(filter.kind.as_ref().map(Condition::Kind));
    conditions.extend(filter.status.map(Condition::Status));
    if conditions.is_empty() {
        conditions.push(Condition::Any);
    }
    conditions
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
            Self::Parent(parent) => connection
                .prepare_cached(NEXT_BY_PARENT)?
                .query_row((namespace, at_most, parent.get()), id),
            Self::Label(key, value) => connection
                .prepare_cached(NEXT_BY_LABEL)?
                .query_row((namespace, at_most, key, value), id),
        };
        Ok(found.optional()?)
    }
}
