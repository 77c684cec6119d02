//! Accepts executions, each at most once per key.

use std::sync::Arc;

use rusqlite::params;
use taskpilot_domain::execution::Standing;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::executions::{
    CreateOutcome, ExecutionRecord, ExecutionSummary, NewExecution,
};

use super::record;
use crate::failure::Failure;
use crate::scheduler::codes::{Coded, Place};
use crate::scheduler::keys::{self, Key};
use crate::scheduler::queues::Counted;
use crate::scheduler::turn::Turn;

static INSERT: &str = include_str!("../../../sql/scheduler/executions/insert.sql");
static INSERT_SPEC: &str = include_str!("../../../sql/scheduler/executions/insert_spec.sql");
static FILL: &str = include_str!("../../../sql/scheduler/executions/fill.sql");
static FILL_SPEC: &str = include_str!("../../../sql/scheduler/executions/fill_spec.sql");

/// About what a create keeps in memory and writes.
pub(in crate::scheduler) fn bytes(new: &NewExecution) -> usize {
    512 + new.payload.len() + new.reference.as_ref().map_or(0, String::len)
}

/// One outcome per item. Each item sees the earlier ones, so that a key twice is folded.
pub(in crate::scheduler) fn create(
    turn: &mut Turn<'_>,
    executions: &[NewExecution],
) -> Result<Vec<CreateOutcome>, Failure> {
    executions.iter().map(|new| create_one(turn, new)).collect()
}

fn create_one(turn: &mut Turn<'_>, new: &NewExecution) -> Result<CreateOutcome, Failure> {
    let namespace = turn.memory.names.namespace(turn.tx, &new.namespace)?;
    let Some(request) = &new.key else {
        return insert(turn, new, namespace);
    };
    let key = (namespace, &request.key);
    if request.expired && keys::find(turn, key)?.is_none() {
        return Ok(CreateOutcome::Expired);
    }
    let id = turn.memory.peek_execution();
    if keys::insert(turn, key, Some(&request.fingerprint), id)? {
        return insert(turn, new, namespace);
    }
    let known = keys::find(turn, key)?.expect("invariant: what conflicts is there");
    if super::find(turn, known.execution)?.is_none() {
        // What it stood for is forgotten, and is not created a second time.
        return Ok(CreateOutcome::Expired);
    }
    match known {
        Key {
            fingerprint: None,
            execution,
        } => {
            fill(turn, new, namespace, execution)?;
            keys::fix(turn, key, &request.fingerprint)?;
            replay(turn, new, execution)
        }
        Key {
            fingerprint: Some(fingerprint),
            execution,
        } if fingerprint == request.fingerprint => replay(turn, new, execution),
        Key { .. } => Ok(CreateOutcome::Mismatch),
    }
}

fn replay(
    turn: &mut Turn<'_>,
    new: &NewExecution,
    id: ExecutionId,
) -> Result<CreateOutcome, Failure> {
    let found = super::get(turn, id)?;
    let record = record::get(turn.tx, &new.namespace, id)?;
    let mut record = record.ok_or(Failure::Corrupt {
        table: "idempotency",
        column: "execution",
        id: id.get(),
    })?;
    // What this transaction moved is not in the row of the queue yet.
    record.summary.held_back = turn.memory.queues.blocks(found.queue);
    Ok(CreateOutcome::Replayed(record))
}

fn insert(
    turn: &mut Turn<'_>,
    new: &NewExecution,
    namespace: i64,
) -> Result<CreateOutcome, Failure> {
    let options = &new.options;
    let id = turn.memory.next_execution();
    let scheduled_for = options.scheduled_for.unwrap_or(turn.now);
    let standing = Standing::accepted(scheduled_for, options.retry);
    let places = Places {
        namespace,
        queue: turn
            .memory
            .names
            .queue(turn.tx, namespace, &options.queue)?,
        kind: Some(turn.memory.names.kind(turn.tx, &new.kind)?),
    };
    let place = Place::of(&standing, turn.now);
    insert_row(turn, id, &places, (place, &standing, options))?;
    insert_spec(turn, id, new, scheduled_for)?;
    let mut record = accepted(turn.now, id, new, standing);
    record.summary.held_back = turn.memory.queues.blocks(places.queue);
    Ok(CreateOutcome::Created(record))
}

/// The numbers of the names of an execution.
pub(super) struct Places {
    pub(super) namespace: i64,
    pub(super) queue: i64,
    pub(super) kind: Option<i64>,
}

pub(super) fn insert_row(
    turn: &mut Turn<'_>,
    id: ExecutionId,
    places: &Places,
    (place, standing, options): (Place, &Standing, &ExecutionOptions),
) -> Result<(), Failure> {
    let ready = places.kind.filter(|_| place == Place::Ready);
    if let Some(kind) = ready {
        turn.memory.news.ready(places.queue, kind);
    }
    let seq = if ready.is_some() {
        turn.memory.next_seq()
    } else {
        0
    };
    let to = Counted::of(place, standing);
    turn.memory.queues.moves(places.queue, None, to);
    let now = turn.now;
    turn.statement(INSERT)?.execute(params![
        id.get(),
        places.namespace,
        places.queue,
        places.kind,
        options.priority.0,
        place.code(),
        seq,
        standing.policy.max_attempts,
        standing.available_at.as_millis(),
        now.as_millis(),
        options.deadline.map(Timestamp::as_millis),
    ])?;
    Ok(())
}

fn insert_spec(
    turn: &mut Turn<'_>,
    id: ExecutionId,
    new: &NewExecution,
    scheduled_for: Timestamp,
) -> Result<(), Failure> {
    let (now, options) = (turn.now, &new.options);
    turn.statement(INSERT_SPEC)?.execute(params![
        id.get(),
        now.as_millis(),
        scheduled_for.as_millis(),
        number(options.retry.backoff.initial_ms),
        number(options.retry.backoff.max_ms),
        options.retry.backoff.factor,
        options.attempt_timeout_ms.map(number),
        number(options.cancel_grace_ms),
        new.reference,
        new.key.as_ref().map(|request| request.key.as_str()),
        new.payload,
    ])?;
    Ok(())
}

/// The spec of what was canceled before it was created: all there will be, unless a create comes.
pub(super) fn insert_bare_spec(
    turn: &mut Turn<'_>,
    id: ExecutionId,
    key: &str,
) -> Result<(), Failure> {
    let (now, options) = (turn.now, ExecutionOptions::default());
    turn.statement(INSERT_SPEC)?.execute(params![
        id.get(),
        now.as_millis(),
        now.as_millis(),
        number(options.retry.backoff.initial_ms),
        number(options.retry.backoff.max_ms),
        options.retry.backoff.factor,
        None::<i64>,
        number(options.cancel_grace_ms),
        None::<&str>,
        key,
        None::<&str>,
    ])?;
    Ok(())
}

/// The first create after a cancel by key: its body is kept, and nothing will run.
fn fill(
    turn: &mut Turn<'_>,
    new: &NewExecution,
    namespace: i64,
    id: ExecutionId,
) -> Result<(), Failure> {
    let options = &new.options;
    // What names no time keeps that of the cancel, which accepted it.
    let scheduled_for = options.scheduled_for.map(Timestamp::as_millis);
    let queue = turn
        .memory
        .names
        .queue(turn.tx, namespace, &options.queue)?;
    let kind = turn.memory.names.kind(turn.tx, &new.kind)?;
    turn.memory.news.execution(id);
    turn.statement(FILL)?.execute(params![
        id.get(),
        queue,
        kind,
        options.priority.0,
        options.retry.max_attempts,
        scheduled_for,
        options.deadline.map(Timestamp::as_millis),
    ])?;
    turn.statement(FILL_SPEC)?.execute(params![
        id.get(),
        scheduled_for,
        number(options.retry.backoff.initial_ms),
        number(options.retry.backoff.max_ms),
        options.retry.backoff.factor,
        options.attempt_timeout_ms.map(number),
        number(options.cancel_grace_ms),
        new.reference,
        new.payload,
    ])?;
    Ok(())
}

/// The record of what was just accepted, as a read would show it.
fn accepted(
    now: Timestamp,
    id: ExecutionId,
    new: &NewExecution,
    standing: Standing,
) -> ExecutionRecord {
    ExecutionRecord {
        summary: ExecutionSummary {
            id,
            kind: Some(new.kind.clone()),
            queue: new.options.queue.clone(),
            priority: new.options.priority,
            standing,
            accepted_at: now,
            completed_at: None,
            held_back: None,
            worker: None,
        },
        namespace: new.namespace.clone(),
        payload: Some(Arc::clone(&new.payload)),
        reference: new.reference.clone(),
        key: new.key.as_ref().map(|request| request.key.clone()),
        options: ExecutionOptions {
            scheduled_for: Some(standing.scheduled_for),
            ..new.options.clone()
        },
        result: None,
        last_error: None,
        cancel: None,
        attempts: Vec::new(),
    }
}

/// Durations have limits far below; what is beyond all of them is the largest there is.
fn number(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
