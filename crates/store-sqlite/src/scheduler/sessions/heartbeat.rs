//! Renews a session, releases what it lost on the way, reads its orders.

use std::collections::HashSet;

use taskpilot_domain::execution::{Event, FenceMatch};
use taskpilot_domain::limits::SLOTS_MAX;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::sessions::{Heartbeat, HeartbeatOutcome, SessionGone};
use taskpilot_store::rows::stops::Held;

use super::Session;
use super::end::end_attempt;
use crate::failure::Failure;
use crate::scheduler::attempts::{Running, list_running};
use crate::scheduler::cleanups::progress;
use crate::scheduler::sessions;
use crate::scheduler::stops::orders::{Open, list_open, unconfirmed};
use crate::scheduler::stops::report;
use crate::scheduler::turn::Turn;

static RENEW: &str = include_str!("../../../sql/scheduler/sessions/renew.sql");
static EXTEND: &str = include_str!("../../../sql/scheduler/sessions/extend.sql");

/// About what a heartbeat keeps in memory and writes.
pub(in crate::scheduler) fn bytes(heartbeat: &Heartbeat) -> usize {
    let stops = heartbeat.stops.iter().map(report::bytes);
    128 + heartbeat.held.len() * size_of::<Held>() + stops.sum::<usize>()
}

pub(in crate::scheduler) fn heartbeat(
    turn: &mut Turn<'_>,
    heartbeat: &Heartbeat,
) -> Result<HeartbeatOutcome, Failure> {
    let now = turn.now;
    let Some(session) = sessions::known(turn, heartbeat.session)? else {
        return Ok(HeartbeatOutcome::Gone(SessionGone::Unknown));
    };
    if !session.is_live(now) {
        return Ok(HeartbeatOutcome::Gone(SessionGone::Ended));
    }
    let stop_verdicts = report::take_all(turn, &session, &heartbeat.stops)?;
    let lease_until = renew(turn, &session, heartbeat)?;
    let held: HashSet<Held> = heartbeat.held.iter().copied().collect();
    let running = release(turn, &session, (heartbeat.answered_seq, &held))?;
    let open = list_open(turn.tx, session.id, SLOTS_MAX)?;
    let own = own(&running, &open);
    progress::keep(turn, &heartbeat.progress, &own)?;
    Ok(HeartbeatOutcome::Renewed {
        remaining_ms: lease_until.ms_since(now),
        lost: lost(&heartbeat.held, &own),
        orders: unconfirmed(open),
        stop_verdicts,
    })
}

/// A lease only grows. The claim that the worker waits for no more is closed: it may still be on its
/// way here, and nobody would hold what it were granted.
fn renew(
    turn: &mut Turn<'_>,
    session: &Session,
    heartbeat: &Heartbeat,
) -> Result<Timestamp, Failure> {
    let now = turn.now;
    let asked = now.plus_ms(heartbeat.lease_ms);
    let closed = session.claim_seq.max(Some(heartbeat.answered_seq));
    turn.statement(RENEW)?.execute((
        session.id.get(),
        now.as_millis(),
        asked.as_millis(),
        closed.map(u64::cast_signed),
    ))?;
    Ok(asked.max(session.lease_until))
}

/// Gives back what an answered claim granted and the worker does not have; answers the rest.
fn release(
    turn: &mut Turn<'_>,
    session: &Session,
    (answered_seq, held): (u64, &HashSet<Held>),
) -> Result<Vec<Running>, Failure> {
    let running = list_running(turn, session.id.get(), SLOTS_MAX)?;
    let (lost, kept): (Vec<_>, Vec<_>) = running
        .into_iter()
        .partition(|one| one.claim_seq <= answered_seq && !held.contains(&one.name));
    for one in lost {
        // A release draws no back-off.
        end_attempt(
            turn,
            one.name,
            (Event::Released(FenceMatch::Current), Jitter(0)),
        )?;
    }
    Ok(kept)
}

/// The attempts of a session. What is being stopped is its own.
fn own(running: &[Running], open: &[Open]) -> HashSet<Held> {
    let running = running.iter().map(|one| one.name);
    let stopping = open
        .iter()
        .map(|stop| (stop.order.fence.execution, stop.order.fence.attempt));
    running.chain(stopping).collect()
}

/// Held attempts that are no longer the session's.
fn lost(held: &[Held], own: &HashSet<Held>) -> Vec<Held> {
    held.iter()
        .copied()
        .filter(|one| !own.contains(one))
        .collect()
}

/// Moves the end of every lease that has not ended: outages of ours are not the workers' fault.
pub(in crate::scheduler) fn extend(turn: &mut Turn<'_>, until: Timestamp) -> Result<(), Failure> {
    turn.statement(EXTEND)?.execute([until.as_millis()])?;
    Ok(())
}
