//! Accepts executions, each at most once per key.

use std::sync::Arc;

use rusqlite::params;
use taskpilot_domain::execution::{Event, Standing, transition};
use taskpilot_domain::families::{Kin, NoChild};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::CancelCause;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::executions::{
    CreateOutcome, ExecutionRecord, ExecutionSummary, NewExecution,
};

use super::cancel::{Words, note};
use super::record;
use crate::failure::Failure;
use crate::scheduler::cleanups::owe::owe;
use crate::scheduler::codes::{Coded, Place};
use crate::scheduler::families::close::{Closed, close, closed_at_or_above};
use crate::scheduler::families::family;
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
    // Before the key is taken: a create that is refused leaves it free.
    if new.parent.is_some()
        && keys::find(turn, key)?.is_none()
        && let Err(refused) = home(turn, new, namespace)?
    {
        return Ok(CreateOutcome::NoChild(refused));
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
    let mut record = shown(turn, new, id)?;
    // What this transaction moved is not in the row of the queue yet.
    record.summary.held_back = turn.memory.queues.blocks(found.queue);
    Ok(CreateOutcome::Replayed(record))
}

fn shown(
    turn: &mut Turn<'_>,
    new: &NewExecution,
    id: ExecutionId,
) -> Result<ExecutionRecord, Failure> {
    let record = record::get(turn.tx, &new.namespace, id)?;
    record.ok_or(Failure::Corrupt {
        table: "idempotency",
        column: "execution",
        id: id.get(),
    })
}

fn insert(
    turn: &mut Turn<'_>,
    new: &NewExecution,
    namespace: i64,
) -> Result<CreateOutcome, Failure> {
    let home = match home(turn, new, namespace)? {
        Ok(home) => home,
        Err(refused) => return Ok(CreateOutcome::NoChild(refused)),
    };
    let closed = match new.parent {
        Some(parent) => closed_at_or_above(turn, parent)?,
        None => None,
    };
    let options = &new.options;
    let id = turn.memory.next_execution();
    let scheduled_for = options.scheduled_for.unwrap_or(turn.now);
    let accepted_as = Standing::accepted(scheduled_for, options.retry);
    let standing = match &closed {
        Some(_) => canceled(accepted_as, turn.now),
        None => accepted_as,
    };
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
    let kin = home.unwrap_or_else(|| Kin::root(id));
    family::join(turn, id, (new.parent, kin), options.cancel_children)?;
    if let Some(closed) = &closed {
        note(turn, Words::of_tree(closed), id)?;
        owe(turn, id, &places)?;
        return shown(turn, new, id).map(CreateOutcome::Created);
    }
    let mut record = accepted(turn.now, id, new, standing);
    record.family = new.parent.map(|parent| (parent, kin.root));
    record.summary.held_back = turn.memory.queues.blocks(places.queue);
    Ok(CreateOutcome::Created(record))
}

/// Where a child will stand; none for what has no parent.
fn home(
    turn: &mut Turn<'_>,
    new: &NewExecution,
    namespace: i64,
) -> Result<Result<Option<Kin>, NoChild>, Failure> {
    match new.parent {
        Some(parent) => Ok(family::place(turn, namespace, parent)?.map(Some)),
        None => Ok(Ok(None)),
    }
}

/// How it stands that is born below a closed tree.
fn canceled(accepted: Standing, now: Timestamp) -> Standing {
    // No back-off follows a cancel: there is nothing to draw for.
    let event = Event::CancelRequested(CancelCause::Parent);
    let change = transition(&accepted, event, now, Jitter(0));
    change.map_or(accepted, |change| change.next)
}

/// The numbers of the names of an execution.
#[derive(Debug, Clone, Copy)]
pub(in crate::scheduler) struct Places {
    pub(in crate::scheduler) namespace: i64,
    pub(in crate::scheduler) queue: i64,
    pub(in crate::scheduler) kind: Option<i64>,
}

pub(in crate::scheduler) fn insert_row(
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
    settle_in(turn, new, namespace, id)?;
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
    let places = Places {
        namespace,
        queue,
        kind: Some(kind),
    };
    owe(turn, id, &places)
}

/// What was canceled before it was created joins its family all the same, and if it would have canceled
/// its children, that holds for those to come.
fn settle_in(
    turn: &mut Turn<'_>,
    new: &NewExecution,
    namespace: i64,
    id: ExecutionId,
) -> Result<(), Failure> {
    let home = home(turn, new, namespace)?.ok().flatten();
    let parent = new.parent.filter(|_| home.is_some());
    let kin = home.unwrap_or_else(|| Kin::root(id));
    family::join(turn, id, (parent, kin), new.options.cancel_children)?;
    let canceled = shown(turn, new, id)?.cancel;
    match canceled {
        Some(cancel) if new.options.cancel_children => {
            let closed = Closed {
                by: cancel.requested_by,
                reason: cancel.reason,
            };
            close(turn, id, &closed)
        }
        Some(_) | None => Ok(()),
    }
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
            cleanup_of: None,
            cleanup: None,
        },
        namespace: new.namespace.clone(),
        payload: Some(Arc::clone(&new.payload)),
        reference: new.reference.clone(),
        key: new.key.as_ref().map(|request| request.key.clone()),
        family: None,
        options: ExecutionOptions {
            scheduled_for: Some(standing.scheduled_for),
            ..new.options.clone()
        },
        result: None,
        last_error: None,
        cancel: None,
        attempts: Vec::new(),
        cleanup: None,
    }
}

/// Durations have limits far below; what is beyond all of them is the largest there is.
pub(in crate::scheduler) fn number(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
