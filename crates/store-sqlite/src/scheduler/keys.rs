//! Idempotency keys and what they stand for. They outlive it.

use rusqlite::{OptionalExtension, Row};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::IdempotencyKey;

use super::turn::Turn;
use crate::decode::Columns;
use crate::failure::Failure;

static INSERT: &str = include_str!("../../sql/scheduler/keys/insert.sql");
static GET: &str = include_str!("../../sql/scheduler/keys/get.sql");
static FIX: &str = include_str!("../../sql/scheduler/keys/fix.sql");

/// What a key stands for.
pub(super) struct Key {
    pub(super) execution: ExecutionId,
    /// None while only a cancel was seen.
    pub(super) fingerprint: Option<[u8; 32]>,
}

/// The number of the namespace, and the key in it.
pub(super) type Named<'k> = (i64, &'k IdempotencyKey);

pub(super) fn find(
    turn: &mut Turn<'_>,
    (namespace, key): Named<'_>,
) -> Result<Option<Key>, Failure> {
    let statement = turn.statement(GET)?;
    let found = statement.query_row((namespace, key.as_str()), |row| Ok(read(row)));
    found.optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<Key, Failure> {
    let mut columns = Columns::of(row, "idempotency")?;
    Ok(Key {
        execution: columns.number("execution")?,
        fingerprint: columns.value("fingerprint")?,
    })
}

/// Takes the key for an execution. `false`: it is taken already.
pub(super) fn insert(
    turn: &mut Turn<'_>,
    (namespace, key): Named<'_>,
    fingerprint: Option<&[u8; 32]>,
    execution: ExecutionId,
) -> Result<bool, Failure> {
    let now = turn.now.as_millis();
    let written = turn.statement(INSERT)?.execute((
        namespace,
        key.as_str(),
        fingerprint,
        execution.get(),
        now,
    ))?;
    Ok(written == 1)
}

/// Gives a key that only a cancel has seen the request that it stands for.
pub(super) fn fix(
    turn: &mut Turn<'_>,
    (namespace, key): Named<'_>,
    fingerprint: &[u8; 32],
) -> Result<(), Failure> {
    turn.statement(FIX)?
        .execute((namespace, key.as_str(), fingerprint))?;
    Ok(())
}
