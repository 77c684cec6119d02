//! Which types have a cleanup: what the workers say that have the handlers.

use std::collections::HashMap;

use rusqlite::{Connection, Row};
use taskpilot_domain::cleanup::CleanupTerms;

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::turn::Turn;

const LIST: &str = include_str!("../../../sql/scheduler/cleanups/list_types.sql");
static PUT: &str = include_str!("../../../sql/scheduler/cleanups/put_type.sql");
static DELETE: &str = include_str!("../../../sql/scheduler/cleanups/delete_type.sql");

const TABLE: &str = "cleanup_type";

/// A type of a namespace, by their numbers.
type Kind = (i64, i64);

/// The types with a cleanup, in the writer's mind: it asks with each cancel.
#[derive(Debug, Default)]
pub(in crate::scheduler) struct Declared(HashMap<Kind, CleanupTerms>);

impl Declared {
    pub(in crate::scheduler) fn load(connection: &Connection) -> Result<Self, Failure> {
        let mut statement = connection.prepare_cached(LIST)?;
        let rows = statement.query_map([], |row| Ok(read(row)))?;
        rows.map(|row| row?).collect::<Result<_, _>>().map(Self)
    }

    /// The terms on which a cleanup of this type is owed; none where nobody would do it.
    pub(in crate::scheduler) fn terms(&self, kind: Kind) -> Option<CleanupTerms> {
        self.0.get(&kind).copied()
    }

    /// Whether no type has a cleanup.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes the word of a worker that registers. One without a cleanup withdraws that of others only where
/// none of them lives: two versions of a worker may serve a type side by side.
pub(in crate::scheduler) fn declare(
    turn: &mut Turn<'_>,
    kind: Kind,
    terms: Option<CleanupTerms>,
) -> Result<(), Failure> {
    let known = turn.memory.cleanups.terms(kind);
    if known == terms {
        return Ok(());
    }
    if let Some(terms) = terms {
        let timeout_ms = terms.timeout_ms().cast_signed();
        let row = (kind.0, kind.1, timeout_ms, terms.max_attempts());
        turn.statement(PUT)?.execute(row)?;
        turn.memory.cleanups.0.insert(kind, terms);
    } else if turn.statement(DELETE)?.execute(kind)? == 1 {
        turn.memory.cleanups.0.remove(&kind);
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<(Kind, CleanupTerms), Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let namespace = columns.value("namespace")?;
    let kind = columns.value("type")?;
    let timeout_ms = columns.number("timeout_ms")?;
    let max_attempts = columns.number("max_attempts")?;
    let terms = CleanupTerms::new(timeout_ms, max_attempts).map_err(|_| Failure::Corrupt {
        table: TABLE,
        column: "timeout_ms",
        id: kind,
    })?;
    Ok(((namespace, kind), terms))
}
