//! Decides what stands below closed trees, in slices.
//!
//! A closed tree is walked level by level: its children are decided in the order of their ids, and each
//! that has children of its own becomes a closed tree itself, with the same words. How far each has come
//! is in the store, so that a slice goes on where the one before ended, whatever happened in between.

use rusqlite::{OptionalExtension, Row};
use taskpilot_domain::execution::{Event, transition};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::CancelCause;
use taskpilot_fault::Step;
use taskpilot_store::scheduler::Tick;

use super::close::{Closed, close, closed_at_or_above, read_closed};
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::cleanups::owe::owe;
use crate::scheduler::executions::cancel::{Words, note};
use crate::scheduler::executions::change::{Report, apply};
use crate::scheduler::executions::{self, Found};
use crate::scheduler::turn::Turn;

static NEXT_OPEN: &str = include_str!("../../../sql/scheduler/families/next_open.sql");
static LIST_CHILDREN: &str = include_str!("../../../sql/scheduler/families/list_children.sql");
static DECIDE_TO: &str = include_str!("../../../sql/scheduler/families/decide_to.sql");

/// One slice. It counts the executions that it looked at, final ones too.
pub(in crate::scheduler) fn descendants(turn: &mut Turn<'_>, limit: u32) -> Result<Tick, Failure> {
    let mut moved = 0;
    while turn.memory.has_undecided && moved < limit {
        let Some(tree) = next_open(turn)? else {
            turn.memory.has_undecided = false;
            break;
        };
        turn.tx.step(Step::DescendantsDecide);
        moved += advance(turn, &tree, limit - moved)?;
    }
    Ok(Tick {
        moved,
        ended: Vec::new(),
    })
}

/// Whether an execution that is about to be granted stands below a closed tree; then it is decided
/// instead, and not granted.
pub(in crate::scheduler) fn instead_of_grant(
    turn: &mut Turn<'_>,
    found: &Found,
) -> Result<bool, Failure> {
    if !turn.memory.has_undecided {
        return Ok(false);
    }
    let Some(closed) = closed_at_or_above(turn, found.id)? else {
        return Ok(false);
    };
    turn.tx.step(Step::DescendantsDecide);
    cancel(turn, found, &closed)?;
    Ok(true)
}

/// A closed tree with executions left to decide.
struct Open {
    id: ExecutionId,
    closed: Closed,
    decided_to: i64,
}

fn next_open(turn: &mut Turn<'_>) -> Result<Option<Open>, Failure> {
    let statement = turn.statement(NEXT_OPEN)?;
    let found = statement.query_row([], |row| Ok(read(row)));
    found.optional()?.transpose()
}

/// Decides the next children of one tree; how many it looked at, and at least one, because a tree
/// without any left is a look too.
fn advance(turn: &mut Turn<'_>, tree: &Open, limit: u32) -> Result<u32, Failure> {
    let children = children(turn, tree, limit)?;
    for (child, children) in &children {
        let found = executions::get(turn, *child)?;
        cancel(turn, &found, &tree.closed)?;
        if *children > 0 {
            close(turn, *child, &tree.closed)?;
        }
    }
    let looked = u32::try_from(children.len()).unwrap_or(u32::MAX);
    let last = children.last().filter(|_| looked >= limit);
    let decided_to = last.map(|(child, _)| child.get());
    let row = (tree.id.get(), decided_to);
    turn.statement(DECIDE_TO)?.execute(row)?;
    Ok(looked.max(1))
}

fn children(
    turn: &mut Turn<'_>,
    tree: &Open,
    limit: u32,
) -> Result<Vec<(ExecutionId, u32)>, Failure> {
    let row = (tree.id.get(), tree.decided_to, limit);
    let statement = turn.statement(LIST_CHILDREN)?;
    let rows = statement.query_map(row, |row| Ok(read_child(row)))?;
    rows.map(|row| row?).collect()
}

/// What has ended stays as it is.
fn cancel(turn: &mut Turn<'_>, found: &Found, closed: &Closed) -> Result<(), Failure> {
    let event = Event::CancelRequested(CancelCause::Parent);
    // No back-off follows a cancel: there is nothing to draw for.
    let Ok(change) = transition(&found.standing, event, turn.now, Jitter(0)) else {
        return Ok(());
    };
    apply(turn, found, (event, &change), Report::default())?;
    note(turn, Words::of_tree(closed), found.id)?;
    owe(turn, found.id, &found.places())
}

fn read(row: &Row<'_>) -> Result<Open, Failure> {
    let mut columns = Columns::of(row, "closed_tree")?;
    Ok(Open {
        id: columns.number("execution")?,
        closed: read_closed(&mut columns)?,
        decided_to: columns.value("decided_to")?,
    })
}

fn read_child(row: &Row<'_>) -> Result<(ExecutionId, u32), Failure> {
    let mut columns = Columns::of(row, super::TABLE)?;
    let child = columns.number("execution")?;
    Ok((child, columns.number("children")?))
}
