//! Ends sessions for good, by goodbye or expiry, with all they held.

use std::collections::HashSet;

use taskpilot_domain::execution::{Event, FenceMatch, transition};
use taskpilot_domain::ids::SessionId;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::{How, StopEvent};
use taskpilot_fault::Step;
use taskpilot_store::rows::sessions::{SessionGone, SessionRef};
use taskpilot_store::rows::stops::Held;
use taskpilot_store::scheduler::Tick;

use super::TABLE;
use crate::failure::Failure;
use crate::scheduler::attempts::{Name, list_running};
use crate::scheduler::executions;
use crate::scheduler::executions::change::{Report, apply};
use crate::scheduler::sessions;
use crate::scheduler::stops::advance::{Said, advance};
use crate::scheduler::stops::orders::list_open;
use crate::scheduler::turn::Turn;

static END: &str = include_str!("../../../sql/scheduler/sessions/end.sql");
static NOTE_CLAIM: &str = include_str!("../../../sql/scheduler/sessions/note_claim.sql");
static LIST_LAPSED: &str = include_str!("../../../sql/scheduler/sessions/list_lapsed.sql");

/// Takes a goodbye. It is repeatable, and changes nothing after an expiry. `false`: it moved `limit`
/// rows and more is left.
pub(in crate::scheduler) fn goodbye(
    turn: &mut Turn<'_>,
    session: SessionRef,
    never_started: &HashSet<Held>,
    (limit, jitter): (u32, Jitter),
) -> Result<Result<bool, SessionGone>, Failure> {
    let Some(session) = sessions::known(turn, session)? else {
        return Ok(Err(SessionGone::Unknown));
    };
    if session.ended_at.is_some() {
        return Ok(Ok(true));
    }
    let rest = (Event::WorkerGone, jitter);
    let slice = end(turn, (session.id, limit), never_started, rest)?;
    if slice.ended {
        turn.tx.step(Step::SessionEnd);
    } else {
        // What it gave back must not come to a claim of its own that still waits: none is later.
        turn.statement(NOTE_CLAIM)?
            .execute((session.id.get(), u64::MAX.cast_signed()))?;
    }
    Ok(Ok(slice.ended))
}

/// Ends sessions whose lease is over, until `limit` rows were moved. What is left of the last one is
/// for the next tick.
pub(in crate::scheduler) fn expire(
    turn: &mut Turn<'_>,
    limit: u32,
    jitter: Jitter,
) -> Result<Tick, Failure> {
    let mut moved = 0;
    let mut ended = Vec::new();
    for session in turn.due::<SessionId>(LIST_LAPSED, TABLE, limit)? {
        if moved >= limit {
            break;
        }
        let rest = (Event::LeaseExpired, jitter.nth(u64::from(moved)));
        let slice = end(turn, (session, limit - moved), &HashSet::new(), rest)?;
        moved += slice.moved;
        if slice.ended {
            moved += 1;
            ended.push(session);
        }
    }
    Ok(Tick { moved, ended })
}

/// How far a session was ended.
struct Slice {
    /// Attempts and stops that were ended.
    moved: u32,
    /// Whether nothing is left.
    ended: bool,
}

/// Ends what a session holds, at most `limit` attempts and stops: what it never started is released,
/// the rest ends by `event`. Where nothing is left, the session has ended, and never before: a
/// session that has ended holds nothing.
fn end(
    turn: &mut Turn<'_>,
    (session, limit): (SessionId, u32),
    never_started: &HashSet<Held>,
    (event, jitter): (Event, Jitter),
) -> Result<Slice, Failure> {
    let mut moved = 0;
    for running in list_running(turn, session.get(), limit)? {
        let event = if never_started.contains(&running.name) {
            Event::Released(FenceMatch::Current)
        } else {
            event
        };
        end_attempt(turn, running.name, (event, jitter.nth(u64::from(moved))))?;
        moved += 1;
    }
    for open in list_open(turn.tx, session, limit - moved)? {
        let name = (open.order.fence.execution, open.order.fence.attempt);
        let event = if never_started.contains(&name) {
            StopEvent::Ended(How::NeverStarted)
        } else {
            StopEvent::WorkerGone
        };
        advance(turn, name, &Said::by_system(event))?;
        moved += 1;
    }
    let ended = moved < limit;
    if ended {
        let now = turn.now.as_millis();
        turn.statement(END)?.execute((session.get(), now))?;
    }
    Ok(Slice { moved, ended })
}

/// Ends a running attempt without a word of its worker.
pub(super) fn end_attempt(
    turn: &mut Turn<'_>,
    (execution, _): Name,
    (event, jitter): (Event, Jitter),
) -> Result<(), Failure> {
    let found = executions::get(turn, execution)?;
    if let Ok(change) = transition(&found.standing, event, turn.now, jitter) {
        apply(turn, &found, (event, &change), Report::default())?;
    }
    Ok(())
}
