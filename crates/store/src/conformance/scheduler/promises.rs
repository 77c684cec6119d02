//! What must be true of every execution and session at any moment, whatever happened before.

use std::collections::HashMap;

use taskpilot_domain::execution::{AttemptEnd, State};
use taskpilot_domain::ids::SessionId;
use taskpilot_domain::limits::{CANCEL_REQUESTS_KEPT_MAX, UNCOUNTED_MAX};
use taskpilot_domain::stop::StopStatus;
use taskpilot_domain::time::Timestamp;

use crate::rows::attempts::AttemptRecord;
use crate::rows::executions::{CancelRecord, ExecutionRecord};
use crate::rows::queues::QueueRecord;
use crate::rows::sessions::SessionRecord;
use crate::rows::stops::StopRecord;

fn counts(attempt: &AttemptRecord) -> bool {
    !matches!(
        attempt.end,
        Some(AttemptEnd::Released | AttemptEnd::Interrupted)
    )
}

fn is_unsettled(attempt: &AttemptRecord) -> bool {
    attempt
        .stop
        .as_ref()
        .is_some_and(|stop| !stop.status.is_settled() && stop.released.is_none())
}

/// What an operator released and nobody has proven or presumed since.
fn is_released(attempt: &AttemptRecord) -> bool {
    let stop = attempt.stop.as_ref();
    stop.is_some_and(|stop| !stop.status.is_settled() && stop.released.is_some())
}

/// Checks one execution by itself.
pub(super) fn keep(record: &ExecutionRecord) {
    let standing = &record.summary.standing;
    let attempts = &record.attempts;
    let numbers = attempts.iter().map(|attempt| attempt.number.0);
    assert!(numbers.eq(1..=standing.attempt.0), "numbers have no gap");

    let open: Vec<u32> = attempts
        .iter()
        .filter(|attempt| attempt.end.is_none())
        .map(|attempt| attempt.number.0)
        .collect();
    let expected = match standing.state {
        State::Running => vec![standing.attempt.0],
        State::Pending | State::Succeeded | State::Failed | State::Canceled => vec![],
    };
    assert_eq!(open, expected, "one live attempt while running, else none");

    let counted = attempts.iter().filter(|attempt| counts(attempt)).count();
    let uncounted = attempts.len() - counted;
    assert_eq!(usize::try_from(standing.attempt_count), Ok(counted));
    assert_eq!(usize::try_from(standing.uncounted), Ok(uncounted));
    assert!(standing.attempt_count <= standing.policy.max_attempts);
    assert!(standing.uncounted <= UNCOUNTED_MAX + 1);
    assert_eq!(standing.stop_unproven, attempts.iter().any(is_unsettled));

    keep_time(record);
    for pair in attempts.windows(2) {
        do_not_overlap(&pair[0], &pair[1]);
    }
    for attempt in attempts {
        assert!(attempt.ended_at.is_none_or(|at| at >= attempt.claimed_at));
        if let Some(confirmed_at) = attempt.confirmed_at {
            assert!(confirmed_at >= attempt.claimed_at);
            let in_time = attempt.ended_at.is_none_or(|at| at >= confirmed_at);
            assert!(in_time, "nothing begins after its end was decided");
        }
        assert_eq!(attempt.ended_at.is_some(), attempt.end.is_some());
        if let Some(stop) = &attempt.stop {
            stamps_rise(stop);
        }
    }
}

fn keep_time(record: &ExecutionRecord) {
    let summary = &record.summary;
    let standing = &summary.standing;
    let started = record.attempts.iter().find(|attempt| counts(attempt));
    assert_eq!(
        standing.processing_started_at,
        started.map(|attempt| attempt.claimed_at),
        "the clock is the claim of the first counted attempt"
    );
    assert_eq!(summary.completed_at.is_some(), standing.state.is_final());
    if let Some(started) = standing.processing_started_at {
        assert!(started >= standing.scheduled_for, "nothing starts early");
        assert!(summary.completed_at.is_none_or(|end| end >= started));
    }
    assert!(standing.available_at >= standing.scheduled_for);
    assert_eq!(record.result.is_some(), standing.state == State::Succeeded);
    assert_eq!(record.cancel.is_some(), standing.state == State::Canceled);
    assert_eq!(summary.worker.is_some(), standing.state == State::Running);
}

/// The next attempt begins after the end of the one before, and after the end or the release of its
/// stop.
fn do_not_overlap(one: &AttemptRecord, next: &AttemptRecord) {
    let ended_at = one.ended_at.expect("only the last attempt is open");
    assert!(ended_at <= next.claimed_at);
    if let Some(stop) = &one.stop {
        let released_at = stop.released.as_ref().map(|release| release.at);
        let first = [stop.ended_at, released_at].into_iter().flatten().min();
        let free_at = first.expect("a stop that holds nothing has its stamp");
        assert!(free_at <= next.claimed_at, "stops come first");
    }
}

fn stamps_rise(stop: &StopRecord) {
    let stamps = [
        Some(stop.requested_at),
        stop.delivered_at,
        stop.acknowledged_at,
        stop.ended_at,
    ];
    let known: Vec<Timestamp> = stamps.into_iter().flatten().collect();
    assert!(known.is_sorted(), "{stop:?}");
    assert_eq!(stop.ended_at.is_some(), stop.status.is_settled());
}

/// Checks an execution against what it was a moment before.
pub(super) fn follow(before: &ExecutionRecord, after: &ExecutionRecord) {
    let (was, is) = (&before.summary.standing, &after.summary.standing);
    if was.state.is_final() {
        assert_eq!(is.state, was.state, "a verdict is for ever");
        assert_eq!(after.summary.completed_at, before.summary.completed_at);
        if let (Some(first), Some(now)) = (&before.cancel, &after.cancel) {
            asked_only_more(first, now);
        }
        assert_eq!(after.cancel.is_some(), before.cancel.is_some());
        assert_eq!(after.result, before.result);
        assert_eq!(after.last_error, before.last_error);
    }
    assert!(is.attempt >= was.attempt && is.uncounted >= was.uncounted);
    assert!(is.available_at >= was.available_at);
    for (one, other) in before.attempts.iter().zip(&after.attempts) {
        assert_eq!(
            (one.number, one.session, one.claimed_at),
            (other.number, other.session, other.claimed_at)
        );
        if one.end.is_some() || one.confirmed_at.is_some() {
            assert_eq!(one.confirmed_at, other.confirmed_at);
        }
        if one.end.is_some() {
            assert_eq!((one.end, one.ended_at), (other.end, other.ended_at));
        }
        if one.late.is_some() {
            assert_eq!(one.late, other.late);
        }
        match (&one.stop, &other.stop) {
            (Some(stop), Some(later)) => moves_forward(stop, later),
            (Some(_), None) => panic!("a stop was forgotten"),
            (None, Some(later)) => assert!(later.requested_at == other.ended_at.expect("ended")),
            (None, None) => {}
        }
    }
}

/// The first request stands, and those after it are a list that only grows at its end.
fn asked_only_more(before: &CancelRecord, after: &CancelRecord) {
    let first = |one: &CancelRecord| {
        let who = one.requested_by.clone();
        (one.requested_at, who, one.reason.clone())
    };
    assert_eq!(first(after), first(before), "the first request stands");
    assert!(after.later_count >= before.later_count);
    let kept = after.later_count.min(u64::from(CANCEL_REQUESTS_KEPT_MAX));
    assert_eq!(after.later.len() as u64, kept, "the latest are kept");
    let more = after.later_count - before.later_count;
    let gone = (before.later.len() as u64 + more).saturating_sub(kept);
    let stayed = before
        .later
        .iter()
        .skip(usize::try_from(gone).expect("few"));
    assert!(
        stayed.eq(after
            .later
            .iter()
            .take(before.later.len() - usize::try_from(gone).expect("few")))
    );
}

fn moves_forward(one: &StopRecord, later: &StopRecord) {
    assert!(later.status >= one.status, "{one:?} became {later:?}");
    assert_eq!(
        (one.cause, one.requested_at),
        (later.cause, later.requested_at)
    );
    let stamps = [
        (one.delivered_at, later.delivered_at),
        (one.acknowledged_at, later.acknowledged_at),
        (one.ended_at, later.ended_at),
    ];
    for (stamp, now) in stamps {
        assert!(stamp.is_none() || stamp == now, "a stamp was overwritten");
    }
    assert!(one.how.is_none() || one.how == later.how);
    assert!(one.released.is_none() || one.released == later.released);
    match (one.stops_by, later.stops_by) {
        (Some(promised), Some(now)) => assert!(now <= promised, "a promise was raised"),
        (None, None) => {}
        both => panic!("a promise came or went: {both:?}"),
    }
}

/// Checks that sessions hold what their attempts say, and never more than their slots.
pub(super) fn hold_slots<'r>(
    sessions: &[SessionRecord],
    records: impl Iterator<Item = &'r ExecutionRecord>,
) {
    let mut used: HashMap<SessionId, (u32, u32, u32, u32)> = HashMap::new();
    for attempt in records.flat_map(|record| &record.attempts) {
        let (running, stopping, stuck, released) = used.entry(attempt.session).or_default();
        *running += u32::from(attempt.end.is_none());
        *stopping += u32::from(is_unsettled(attempt));
        let status = attempt.stop.as_ref().map(|stop| stop.status);
        *stuck += u32::from(is_unsettled(attempt) && status == Some(StopStatus::Stuck));
        *released += u32::from(is_released(attempt));
    }
    for session in sessions {
        let expected = used.get(&session.id).copied().unwrap_or_default();
        let held = session.held();
        let told = (held.running, held.stopping, held.stuck, session.released);
        assert_eq!(told, expected);
        assert!(session.running + session.stopping <= session.slots);
        if session.ended_at.is_some() {
            assert_eq!(expected, (0, 0, 0, 0), "the dead hold nothing");
        }
    }
}

/// Checks that a queue counts what its executions say: it never leaks and never frees early.
pub(super) fn count_all<'r>(
    queue: &QueueRecord,
    records: impl Iterator<Item = &'r ExecutionRecord>,
) {
    let (mut waiting, mut blocked, mut running, mut stopping) = (0, 0, 0, 0);
    for record in records {
        let standing = &record.summary.standing;
        let pending = standing.state == State::Pending;
        blocked += u64::from(pending && standing.stop_unproven);
        waiting += u64::from(pending && !standing.stop_unproven);
        running += u64::from(standing.state == State::Running);
        let unsettled = record.attempts.iter().filter(|one| is_unsettled(one));
        stopping += unsettled.count() as u64;
    }
    let counts = queue.counts;
    assert_eq!(
        (waiting, blocked, running, stopping),
        (
            counts.ready + counts.scheduled + counts.backing_off,
            counts.blocked,
            counts.running,
            counts.stopping
        )
    );
}
