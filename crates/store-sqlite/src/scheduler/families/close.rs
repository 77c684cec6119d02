//! Closes trees, and says what stands below a closed one.
//!
//! While no closed tree has anybody left to decide, a claim does not look: nothing below it is ready.

use rusqlite::{Connection, OptionalExtension, Row};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::PrincipalName;

use super::family::find;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::turn::Turn;

static CLOSE: &str = include_str!("../../../sql/scheduler/families/close.sql");
static GET_CLOSED: &str = include_str!("../../../sql/scheduler/families/get_closed.sql");
const HAS_OPEN: &str = include_str!("../../../sql/scheduler/families/has_open.sql");

/// Who closed a tree, and why.
#[derive(Debug, Clone)]
pub(in crate::scheduler) struct Closed {
    pub(in crate::scheduler) by: PrincipalName,
    pub(in crate::scheduler) reason: Option<String>,
}

/// Closes the tree below an execution, unless it is closed.
pub(in crate::scheduler) fn close(
    turn: &mut Turn<'_>,
    id: ExecutionId,
    closed: &Closed,
) -> Result<(), Failure> {
    let children = find(turn, id)?.map_or(0, |family| family.kin.children);
    let decided_to = (children > 0).then_some(0);
    let row = (id.get(), closed.by.as_str(), &closed.reason, decided_to);
    let written = turn.statement(CLOSE)?.execute(row)?;
    if written > 0 && children > 0 {
        turn.memory.has_undecided = true;
    }
    Ok(())
}

/// The closed tree that an execution is in or at the top of: the nearest one.
pub(in crate::scheduler) fn closed_at_or_above(
    turn: &mut Turn<'_>,
    id: ExecutionId,
) -> Result<Option<Closed>, Failure> {
    let mut next = Some(id);
    while let Some(id) = next {
        let statement = turn.statement(GET_CLOSED)?;
        let closed = statement.query_row([id.get()], |row| Ok(read(row)));
        if let Some(closed) = closed.optional()? {
            return closed.map(Some);
        }
        next = find(turn, id)?.and_then(|family| family.parent);
    }
    Ok(None)
}

/// Whether any closed tree has executions left to decide.
pub(in crate::scheduler) fn has_undecided(connection: &Connection) -> Result<bool, Failure> {
    let mut statement = connection.prepare_cached(HAS_OPEN)?;
    Ok(statement.exists([])?)
}

fn read(row: &Row<'_>) -> Result<Closed, Failure> {
    let mut columns = Columns::of(row, "closed_tree")?;
    columns.value::<i64>("execution")?;
    read_closed(&mut columns)
}

pub(super) fn read_closed(columns: &mut Columns<'_, '_>) -> Result<Closed, Failure> {
    Ok(Closed {
        by: columns.word("closed_by")?,
        reason: columns.value("reason")?,
    })
}
