//! Applies what was decided: the row of the execution, its ended attempt, its stop, its error.
//!
//! Nothing is decided here. The guard of a decision always holds, because there is one writer and
//! the decision was made in the same transaction.

use rusqlite::params;
use taskpilot_domain::execution::{AttemptEnd, Event, Standing, State, Transition};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::attempts::Exit;

use super::Found;
use crate::failure::Failure;
use crate::scheduler::attempts::close::{Closing, close};
use crate::scheduler::cleanups;
use crate::scheduler::codes::{Coded, Place};
use crate::scheduler::queues::Counted;
use crate::scheduler::stops;
use crate::scheduler::turn::Turn;

static UPDATE: &str = include_str!("../../../sql/scheduler/executions/update.sql");
static MOVE: &str = include_str!("../../../sql/scheduler/executions/move.sql");
static INSERT_ERROR: &str = include_str!("../../../sql/scheduler/executions/insert_error.sql");

/// What a worker said about the end of an attempt; nothing, where the system ended it.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::scheduler) struct Report<'r> {
    pub(in crate::scheduler) result: Option<&'r str>,
    /// Code and message.
    pub(in crate::scheduler) error: Option<(&'r str, &'r str)>,
    pub(in crate::scheduler) exit: Exit,
}

/// Applies a change that `event` brought about.
pub(in crate::scheduler) fn apply(
    turn: &mut Turn<'_>,
    found: &Found,
    (event, change): (Event, &Transition),
    report: Report<'_>,
) -> Result<(), Failure> {
    update(turn, found, change)?;
    let system = change.error(event).map(|error| (error.code, error.message));
    if let Some(end) = change.ended {
        let closing = Closing {
            end,
            result: report.result,
            error: report.error.or(system.filter(|_| is_error(end))),
            exit: report.exit,
        };
        close(turn, (found.id, change.expected.1), &closing)?;
    }
    if let Some((code, message)) = system
        && !change.ended.is_some_and(is_error)
    {
        turn.statement(INSERT_ERROR)?
            .execute((found.id.get(), code, message))?;
    }
    if let Some(cause) = change.stop {
        stops::open::open(turn, (found.id, change.expected.1), cause)?;
        turn.memory
            .queues
            .moves(found.queue, None, Some(Counted::Stopping));
    }
    Ok(())
}

/// Whether the error of the system is the attempt's own. A released attempt did nothing wrong,
/// even where it was one too many.
fn is_error(end: AttemptEnd) -> bool {
    match end {
        AttemptEnd::Failed
        | AttemptEnd::Lost
        | AttemptEnd::TimedOut
        | AttemptEnd::DeadlineExceeded => true,
        AttemptEnd::Succeeded
        | AttemptEnd::Released
        | AttemptEnd::Interrupted
        | AttemptEnd::Canceled => false,
    }
}

fn update(turn: &mut Turn<'_>, found: &Found, change: &Transition) -> Result<(), Failure> {
    let (now, next) = (turn.now, &change.next);
    let place = Place::of(next, now);
    let (from, to) = (found.counted(), Counted::of(place, next));
    turn.memory.queues.moves(found.queue, from, to);
    let seq = arrive(turn, found, place)?;
    let state_at = change.completed_at.unwrap_or(now);
    let written = turn.statement(UPDATE)?.execute(params![
        found.id.get(),
        found.place.code(),
        change.expected.1.0,
        place.code(),
        seq,
        next.attempt.0,
        next.attempt_count,
        next.uncounted,
        next.available_at.as_millis(),
        next.processing_started_at.map(Timestamp::as_millis),
        state_at.as_millis(),
    ])?;
    assert_eq!(
        written, 1,
        "invariant: a decision stands to the end of its transaction"
    );
    Ok(())
}

/// A place at the tail, where it becomes ready; and everybody is told.
fn arrive(turn: &mut Turn<'_>, found: &Found, place: Place) -> Result<Option<i64>, Failure> {
    turn.memory.news.execution(found.id);
    cleanups::free::tell(turn, found)?;
    if place != Place::Ready {
        return Ok(None);
    }
    if let Some(kind) = found.kind {
        turn.memory.news.ready(found.queue, kind);
    }
    Ok(Some(turn.memory.next_seq()))
}

/// Lets an execution go on whose stop is settled: its place in the queue is free, the claim too, or its
/// back-off goes on; and where it was canceled, its cleanup may begin.
pub(in crate::scheduler) fn unblock(turn: &mut Turn<'_>, id: ExecutionId) -> Result<(), Failure> {
    let found = super::get(turn, id)?;
    turn.memory
        .queues
        .moves(found.queue, Some(Counted::Stopping), None);
    if found.standing.state == State::Pending {
        let free = Standing {
            stop_unproven: false,
            ..found.standing
        };
        relocate(turn, &found, &free)?;
    }
    if found.standing.state == State::Canceled {
        cleanups::free::free(turn, id)?;
    }
    Ok(())
}

/// Puts a waiting execution where it belongs by now. `false`: it is there already.
pub(in crate::scheduler) fn relocate(
    turn: &mut Turn<'_>,
    found: &Found,
    standing: &Standing,
) -> Result<bool, Failure> {
    let now = turn.now;
    let place = Place::of(standing, now);
    if place == found.place {
        return Ok(false);
    }
    let (from, to) = (found.counted(), Counted::of(place, standing));
    turn.memory.queues.moves(found.queue, from, to);
    let seq = arrive(turn, found, place)?;
    let written = turn.statement(MOVE)?.execute(params![
        found.id.get(),
        found.place.code(),
        place.code(),
        seq,
        now.as_millis(),
    ])?;
    assert_eq!(
        written, 1,
        "invariant: a place stands to the end of its transaction"
    );
    Ok(true)
}
