//! Decides cancels, by id or by key; a key that was never seen becomes a tombstone.

use rusqlite::OptionalExtension;
use taskpilot_domain::execution::{Event, Refused, Standing, State, transition};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::limits::CANCEL_REQUESTS_KEPT_MAX;
use taskpilot_domain::names::{IdempotencyKey, Namespace, PrincipalName};
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::{CancelCause, StopCause};
use taskpilot_store::rows::cancels::CancelBatch;
use taskpilot_store::rows::executions::{
    CancelOutcome, CancelRequest, CancelTarget, ExecutionRecord,
};

use super::change::{Report, apply};
use super::create::{Places, insert_bare_spec, insert_row};
use super::{Found, TABLE, record};
use crate::failure::Failure;
use crate::scheduler::cleanups::owe::owe;
use crate::scheduler::codes::{Coded, Place};
use crate::scheduler::families::close::{Closed, close};
use crate::scheduler::families::family;
use crate::scheduler::keys;
use crate::scheduler::names::find_namespace;
use crate::scheduler::stops::overdue::remind;
use crate::scheduler::turn::Turn;

static GET_REFERENCE: &str = include_str!("../../../sql/scheduler/executions/get_reference.sql");
static INSERT_CANCEL: &str = include_str!("../../../sql/scheduler/executions/insert_cancel.sql");
static INSERT_LATER: &str =
    include_str!("../../../sql/scheduler/executions/insert_later_cancel.sql");
static DELETE_LATER: &str =
    include_str!("../../../sql/scheduler/executions/delete_later_cancels.sql");

/// About what a cancel keeps in memory and writes.
pub(in crate::scheduler) fn bytes(request: &CancelRequest) -> usize {
    512 + request.reason.as_ref().map_or(0, String::len)
        + request.request_id.as_ref().map_or(0, String::len)
}

/// One outcome per request. Each sees the earlier ones, so that one execution twice is folded.
pub(in crate::scheduler) fn cancel(
    turn: &mut Turn<'_>,
    requests: &[CancelRequest],
) -> Result<Vec<CancelOutcome>, Failure> {
    requests
        .iter()
        .map(|request| cancel_one(turn, request))
        .collect()
}

fn cancel_one(turn: &mut Turn<'_>, request: &CancelRequest) -> Result<CancelOutcome, Failure> {
    match &request.target {
        CancelTarget::Id { id, reference } => {
            let Some(found) = find_in(turn, &request.namespace, *id)? else {
                return Ok(CancelOutcome::Missing);
            };
            if reference.is_some() && *reference != reference_of(turn, *id)? {
                return Ok(CancelOutcome::OtherReference);
            }
            decide(turn, request, &found)
        }
        CancelTarget::Key(key) => {
            let namespace = turn.memory.names.namespace(turn.tx, &request.namespace)?;
            match keys::find(turn, (namespace, key))? {
                Some(known) => match super::find(turn, known.execution)? {
                    Some(found) => decide(turn, request, &found),
                    None => Ok(CancelOutcome::Missing),
                },
                None => bury(turn, request, (namespace, key)),
            }
        }
    }
}

/// An execution of a namespace.
pub(in crate::scheduler) fn find_in(
    turn: &mut Turn<'_>,
    namespace: &Namespace,
    id: ExecutionId,
) -> Result<Option<Found>, Failure> {
    let Some(namespace) = find_namespace(turn.tx, namespace)? else {
        return Ok(None);
    };
    let found = super::find(turn, id)?;
    Ok(found.filter(|found| found.namespace == namespace))
}

/// What its creator calls it.
pub(in crate::scheduler) fn reference_of(
    turn: &mut Turn<'_>,
    id: ExecutionId,
) -> Result<Option<String>, Failure> {
    let statement = turn.statement(GET_REFERENCE)?;
    let found = statement.query_row([id.get()], |row| row.get(0));
    Ok(found.optional()?.flatten())
}

fn decide(
    turn: &mut Turn<'_>,
    request: &CancelRequest,
    found: &Found,
) -> Result<CancelOutcome, Failure> {
    let event = Event::CancelRequested(CancelCause::User);
    // No back-off follows a cancel: there is nothing to draw for.
    match transition(&found.standing, event, turn.now, Jitter(0)) {
        Ok(change) => {
            apply(turn, found, (event, &change), Report::default())?;
            note(turn, Words::of(request), found.id)?;
            owe(turn, found.id, &found.places())?;
            if request.cascade || cancels_children(turn, found.id)? {
                close(turn, found.id, &closed_by(request))?;
            }
            answer(turn, request, found.id).map(CancelOutcome::Canceled)
        }
        Err(Refused::NoOp) => {
            append(turn, Words::of(request), found.id)?;
            remind(turn, (found.id, found.standing.attempt))?;
            if request.cascade {
                close(turn, found.id, &closed_by(request))?;
            }
            answer(turn, request, found.id).map(CancelOutcome::Already)
        }
        Err(Refused::Refused | Refused::Duplicate | Refused::Late | Refused::Stale) => {
            answer(turn, request, found.id).map(CancelOutcome::Refused)
        }
    }
}

/// Keeps a cancel that came before its create: it has its verdict and no body.
fn bury(
    turn: &mut Turn<'_>,
    request: &CancelRequest,
    (namespace, key): (i64, &IdempotencyKey),
) -> Result<CancelOutcome, Failure> {
    let id = turn.memory.next_execution();
    let options = ExecutionOptions::default();
    let queue = turn
        .memory
        .names
        .queue(turn.tx, namespace, &options.queue)?;
    let standing = Standing {
        state: State::Canceled,
        ..Standing::accepted(turn.now, options.retry)
    };
    let places = Places {
        namespace,
        queue,
        kind: None,
    };
    keys::insert(turn, (namespace, key), None, id)?;
    insert_row(turn, id, &places, (Place::Canceled, &standing, &options))?;
    insert_bare_spec(turn, id, key.as_str())?;
    note(turn, Words::of(request), id)?;
    if request.cascade {
        close(turn, id, &closed_by(request))?;
    }
    answer(turn, request, id).map(CancelOutcome::Canceled)
}

pub(super) fn cancels_children(turn: &mut Turn<'_>, id: ExecutionId) -> Result<bool, Failure> {
    let family = family::find(turn, id)?;
    Ok(family.is_some_and(|family| family.cancels_children))
}

fn closed_by(request: &CancelRequest) -> Closed {
    Closed {
        by: request.actor.clone(),
        reason: request.reason.clone(),
    }
}

/// What is kept of a cancel beside its instant.
#[derive(Clone, Copy)]
pub(in crate::scheduler) struct Words<'w> {
    by: &'w PrincipalName,
    reason: Option<&'w str>,
    cause: CancelCause,
    /// What names the call; none where it was of the tree above.
    request_id: Option<&'w str>,
}

impl<'w> Words<'w> {
    fn of(request: &'w CancelRequest) -> Self {
        Self {
            by: &request.actor,
            reason: request.reason.as_deref(),
            cause: CancelCause::User,
            request_id: request.request_id.as_deref(),
        }
    }

    /// Those of a cancel of many.
    pub(super) fn of_many(batch: &'w CancelBatch) -> Self {
        Self {
            by: &batch.actor,
            reason: batch.reason.as_deref(),
            cause: CancelCause::Bulk,
            request_id: batch.request_id.as_deref(),
        }
    }

    /// Those of whoever closed the tree above.
    pub(in crate::scheduler) fn of_tree(closed: &'w Closed) -> Self {
        Self {
            by: &closed.by,
            reason: closed.reason.as_deref(),
            cause: CancelCause::Parent,
            request_id: None,
        }
    }
}

/// Who canceled, when and why; written once.
pub(in crate::scheduler) fn note(
    turn: &mut Turn<'_>,
    words: Words<'_>,
    id: ExecutionId,
) -> Result<(), Failure> {
    let now = turn.now.as_millis();
    // None where it was of this very execution.
    let cause = (words.cause != CancelCause::User).then(|| StopCause::from(words.cause).code());
    turn.statement(INSERT_CANCEL)?.execute((
        id.get(),
        now,
        words.by.as_str(),
        words.reason,
        cause,
        words.request_id,
    ))?;
    Ok(())
}

/// Keeps a later request beside the first, unless it is a call that is kept already. The oldest of
/// too many go; the number of the last one goes on counting them.
pub(super) fn append(
    turn: &mut Turn<'_>,
    words: Words<'_>,
    id: ExecutionId,
) -> Result<(), Failure> {
    let now = turn.now.as_millis();
    let written = turn.statement(INSERT_LATER)?.execute((
        id.get(),
        now,
        words.by.as_str(),
        words.reason,
        words.request_id,
    ))?;
    if written == 1 {
        turn.statement(DELETE_LATER)?
            .execute((id.get(), CANCEL_REQUESTS_KEPT_MAX))?;
        turn.memory.news.execution(id);
    }
    Ok(())
}

fn answer(
    turn: &mut Turn<'_>,
    request: &CancelRequest,
    id: ExecutionId,
) -> Result<ExecutionRecord, Failure> {
    record::get(turn.tx, &request.namespace, id)?.ok_or(Failure::Corrupt {
        table: TABLE,
        column: "id",
        id: id.get(),
    })
}
