//! What `domain` says about a verb before the store is asked.

use taskpilot_domain::execution::{
    AttemptEnd, Event, FenceMatch, Standing, Transition, transition,
};
use taskpilot_domain::ids::Fence;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::StopStatus;
use taskpilot_domain::time::Timestamp;

use crate::rows::executions::ExecutionRecord;
use crate::rows::sessions::{HandIn, HandInOutcome};

/// The change that must have been possible.
pub(super) fn decided(
    standing: &Standing,
    event: Event,
    now: Timestamp,
    jitter: Jitter,
) -> Transition {
    match transition(standing, event, now, jitter) {
        Ok(decided) => decided,
        Err(refused) => panic!("{event:?} of {standing:?}: {refused:?}"),
    }
}

/// How far the stop of an attempt has come, if there is one.
pub(super) fn stop_status(record: &ExecutionRecord, fence: Fence) -> Option<StopStatus> {
    let attempt = record
        .attempts
        .iter()
        .find(|one| one.number == fence.attempt);
    attempt
        .and_then(|one| one.stop.as_ref())
        .map(|stop| stop.status)
}

/// What a hand-in means to an execution that stands as `before`.
pub(super) fn event_of(before: &ExecutionRecord, item: &HandIn, forged: bool) -> Event {
    let attempt = before
        .attempts
        .iter()
        .find(|one| one.number == item.fence.attempt);
    let end = attempt.and_then(|one| one.end);
    let reported = match item.outcome {
        HandInOutcome::Succeeded(_) => AttemptEnd::Succeeded,
        HandInOutcome::Failed { .. } => AttemptEnd::Failed,
        HandInOutcome::Released => AttemptEnd::Released,
        HandInOutcome::Interrupted => AttemptEnd::Interrupted,
    };
    let fence = match end {
        _ if forged => FenceMatch::Unknown,
        None => FenceMatch::Current,
        Some(end) if end == reported => FenceMatch::EndedSame,
        Some(_) => FenceMatch::EndedOtherwise,
    };
    match item.outcome {
        HandInOutcome::Succeeded(_) => Event::Succeeded(fence),
        HandInOutcome::Failed { retryable, .. } => Event::AttemptFailed { fence, retryable },
        HandInOutcome::Released => Event::Released(fence),
        HandInOutcome::Interrupted => Event::Interrupted(fence),
    }
}
