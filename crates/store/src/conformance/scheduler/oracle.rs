//! What `domain` says about a verb before the store is asked.

use std::collections::{BTreeMap, HashSet};

use taskpilot_domain::cancellation::{
    Again, CancellationOutcome, Untouched, Verdict, cancel_of_many, meant,
};
use taskpilot_domain::execution::{
    AttemptEnd, Event, FenceMatch, Standing, State, Transition, transition,
};
use taskpilot_domain::ids::{ExecutionId, Fence};
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::StopStatus;
use taskpilot_domain::time::Timestamp;

use crate::rows::cancels::CancelBatch;
use crate::rows::executions::{CancelOutcome, ExecutionRecord};
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

/// What a cancel of many does to one of them.
pub(super) struct OneOfMany {
    pub(super) told: CancellationOutcome,
    pub(super) change: Option<Transition>,
    /// Whether it is kept as a later request.
    pub(super) is_later: bool,
}

/// The wish has no name, so that each is another one.
pub(super) fn one_of_many(
    before: &ExecutionRecord,
    batch: &CancelBatch,
    now: Timestamp,
) -> OneOfMany {
    let only = |told| OneOfMany {
        told,
        change: None,
        is_later: false,
    };
    let states = meant(batch.states.as_deref(), batch.not_after, now);
    match cancel_of_many(&before.summary.standing, states, now) {
        Ok(change) => OneOfMany {
            change: Some(change),
            ..only(CancellationOutcome::Canceled)
        },
        Err(Untouched::Changed) => only(CancellationOutcome::Changed),
        Err(Untouched::Refused) => only(CancellationOutcome::Refused),
        Err(Untouched::Canceled) => {
            let cancel = before.cancel.as_ref().expect("a canceled one says by whom");
            let verdict = Verdict {
                at: cancel.requested_at,
                is_by_same: cancel.requested_by == batch.actor && cancel.reason == batch.reason,
                cause: cancel.cause,
            };
            let again = Again::of(verdict, batch.since, states);
            OneOfMany {
                is_later: again == Again::Later,
                ..only(again.outcome())
            }
        }
    }
}

/// How many asked for its cancel again.
pub(super) fn later_count(record: &ExecutionRecord) -> u64 {
    record
        .cancel
        .as_ref()
        .map_or(0, |cancel| cancel.later_count)
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

/// Which trees are closed, as it follows from the answers to cancels.
#[derive(Debug, Default)]
pub(super) struct Trees {
    closed: HashSet<ExecutionId>,
}

impl Trees {
    /// Takes the answer to a cancel.
    pub(super) fn hear(&mut self, cascade: bool, outcome: &CancelOutcome) {
        let closes = match outcome {
            CancelOutcome::Canceled(record) => {
                (cascade || record.options.cancel_children).then_some(record)
            }
            CancelOutcome::Already(record) => cascade.then_some(record),
            CancelOutcome::Refused(_) | CancelOutcome::Missing | CancelOutcome::OtherReference => {
                None
            }
        };
        self.closed.extend(closes.map(|record| record.summary.id));
    }

    /// Takes what a cancel of many canceled.
    pub(super) fn hear_of_many(&mut self, canceled: &ExecutionRecord) {
        if canceled.options.cancel_children {
            self.closed.insert(canceled.summary.id);
        }
    }

    /// Whether an execution is in a closed tree, the one at its top included.
    pub(super) fn has(
        &self,
        id: ExecutionId,
        known: &BTreeMap<ExecutionId, ExecutionRecord>,
    ) -> bool {
        line_of(id, known).any(|one| self.closed.contains(&one))
    }

    /// Those in closed trees that wait for a decision.
    pub(super) fn undecided(&self, known: &BTreeMap<ExecutionId, ExecutionRecord>) -> usize {
        let lives = |record: &&ExecutionRecord| !record.summary.standing.state.is_final();
        let mut living = known.values().filter(lives).map(|record| record.summary.id);
        living.by_ref().filter(|id| self.has(*id, known)).count()
    }

    pub(super) fn clear(&mut self) {
        self.closed.clear();
    }
}

/// An execution, its parent, and so on up to the root.
pub(super) fn line_of(
    id: ExecutionId,
    known: &BTreeMap<ExecutionId, ExecutionRecord>,
) -> impl Iterator<Item = ExecutionId> {
    let parent = |id: &ExecutionId| known[id].family.map(|(parent, _)| parent);
    std::iter::successors(Some(id), parent)
}

/// What a new execution must stand as.
pub(super) fn born(in_closed_tree: bool) -> State {
    if in_closed_tree {
        State::Canceled
    } else {
        State::Pending
    }
}
