//! Writes the cleanup that a verdict owes, in the transaction of the verdict.

use rusqlite::{OptionalExtension, params};
use taskpilot_domain::cleanup::owed;
use taskpilot_domain::ids::ExecutionId;

use super::{cleanup_of, is_cleanup};
use crate::failure::Failure;
use crate::scheduler::codes::Place;
use crate::scheduler::executions::create::{Places, insert_row, number};
use crate::scheduler::turn::Turn;

static INSERT: &str = include_str!("../../../sql/scheduler/cleanups/insert.sql");
static INSERT_SPEC: &str = include_str!("../../../sql/scheduler/cleanups/insert_spec.sql");
static HAS_UNPROVEN: &str = include_str!("../../../sql/scheduler/cleanups/has_unproven.sql");

/// Owes the cleanup of an execution that was just canceled, where its type has one. What has no type was
/// canceled before it was created, and owes once it is. A cleanup owes none.
pub(in crate::scheduler) fn owe(
    turn: &mut Turn<'_>,
    canceled: ExecutionId,
    places: &Places,
) -> Result<(), Failure> {
    let Some(kind) = places.kind.filter(|_| !is_cleanup(places.kind)) else {
        return Ok(());
    };
    let Some(terms) = turn.memory.cleanups.terms((places.namespace, kind)) else {
        return Ok(());
    };
    let now = turn.now;
    let (_, queue) = turn.memory.names.queue_of(turn.tx, places.queue)?;
    let (standing, options) = owed(terms, queue, has_unproven(turn, canceled)?, now);
    let id = turn.memory.next_execution();
    let places = Places {
        kind: Some(cleanup_of(kind)),
        ..*places
    };
    let place = Place::of(&standing, now);
    insert_row(turn, id, &places, (place, &standing, &options))?;
    turn.statement(INSERT_SPEC)?.execute(params![
        id.get(),
        canceled.get(),
        now.as_millis(),
        number(options.retry.backoff.initial_ms),
        number(options.retry.backoff.max_ms),
        options.retry.backoff.factor,
        options.attempt_timeout_ms.map(number),
        number(options.cancel_grace_ms),
    ])?;
    turn.statement(INSERT)?
        .execute((id.get(), canceled.get()))?;
    Ok(())
}

/// Whether work of it may still run: the stop of an attempt is neither settled nor released.
fn has_unproven(turn: &mut Turn<'_>, id: ExecutionId) -> Result<bool, Failure> {
    let statement = turn.statement(HAS_UNPROVEN)?;
    let found = statement.query_row([id.get()], |_| Ok(()));
    Ok(found.optional()?.is_some())
}
