//! What lists show of executions.

use rusqlite::{Connection, OptionalExtension, Row};
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{ExecutionId, MAX_ID};
use taskpilot_domain::names::Namespace;
use taskpilot_domain::options::Priority;
use taskpilot_store::rows::executions::{ExecutionFilter, ExecutionSummary};

use super::{TABLE, standing};
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::{Coded, Place, word_or_none};
use crate::scheduler::names::find_namespace;
use crate::scheduler::queues::rule;

const GET_SUMMARY: &str = include_str!("../../../sql/scheduler/executions/get_summary.sql");
const LIST_IDS: &str = include_str!("../../../sql/scheduler/executions/list_ids.sql");

/// Those of `ids` that exist in a namespace.
pub(in crate::scheduler) fn find(
    connection: &Connection,
    namespace: &Namespace,
    ids: &[ExecutionId],
) -> Result<Vec<ExecutionSummary>, Failure> {
    match find_namespace(connection, namespace)? {
        Some(namespace) => summaries(connection, namespace, ids),
        None => Ok(Vec::new()),
    }
}

/// Executions in any of the filter's states, newest first.
///
/// Each place has its own run of the index; their newest ids are merged before a row is read.
pub(in crate::scheduler) fn list(
    connection: &Connection,
    namespace: &Namespace,
    filter: &ExecutionFilter,
) -> Result<Vec<ExecutionSummary>, Failure> {
    let Some(namespace) = find_namespace(connection, namespace)? else {
        return Ok(Vec::new());
    };
    let before = filter.before.map_or(MAX_ID, ExecutionId::get);
    let mut statement = connection.prepare_cached(LIST_IDS)?;
    let mut ids = Vec::new();
    for (code, place) in Place::CODES {
        if wants(&filter.states, place.state()) {
            let rows = statement.query_map((namespace, code, before, filter.limit), |row| {
                row.get::<_, i64>(0)
            })?;
            ids.extend(rows.collect::<rusqlite::Result<Vec<i64>>>()?);
        }
    }
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
    let ids = ids
        .into_iter()
        .map(|id| {
            ExecutionId::new(id).map_err(|_| Failure::Corrupt {
                table: TABLE,
                column: "id",
                id,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    summaries(connection, namespace, &ids)
}

fn wants(states: &[State], state: State) -> bool {
    states.is_empty() || states.contains(&state)
}

fn summaries(
    connection: &Connection,
    namespace: i64,
    ids: &[ExecutionId],
) -> Result<Vec<ExecutionSummary>, Failure> {
    ids.iter()
        .filter_map(|id| summary(connection, namespace, *id).transpose())
        .collect()
}

/// One execution, if it is of this namespace.
pub(super) fn summary(
    connection: &Connection,
    namespace: i64,
    id: ExecutionId,
) -> Result<Option<ExecutionSummary>, Failure> {
    let mut statement = connection.prepare_cached(GET_SUMMARY)?;
    let found = statement.query_row((id.get(), namespace), |row| Ok(read(row)));
    found.optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<ExecutionSummary, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let id = columns.number("id")?;
    let kind = columns.word_or_none("type")?;
    let queue = columns.word("queue")?;
    let priority = Priority(columns.number("priority")?);
    let (place, standing) = standing(&mut columns)?;
    let accepted_at = columns.instant("accepted_at")?;
    let state_at = columns.instant("state_at")?;
    let (rule, held) = rule(&mut columns)?;
    let session = columns.number_or_none("session")?;
    let worker = columns.word_or_none("worker")?;
    let cleanup_of = columns.number_or_none("cleanup_of")?;
    let cleanup = columns.number_or_none("cleanup")?;
    let cleanup_state: Option<Place> = word_or_none(&mut columns, "cleanup_state")?;
    Ok(ExecutionSummary {
        id,
        kind,
        queue,
        priority,
        standing,
        accepted_at,
        completed_at: place.state().is_final().then_some(state_at),
        held_back: rule.blocks(held),
        worker: session.zip(worker),
        cleanup_of,
        cleanup: cleanup.zip(cleanup_state.map(Place::state)),
    })
}
