//! Cancels of many: what one does to each execution, and the words for what became of it.

use serde::{Deserialize, Serialize};

use crate::execution::{Event, Refused, Standing, State, Transition, transition};
use crate::limits::{CANCELLATION_PER_SECOND_MAX, CANCELLATION_PORTIONS_PER_SECOND};
use crate::retry::Jitter;
use crate::stop::{CancelCause, StopCause};
use crate::text::read_back;
use crate::time::Timestamp;

/// How far a cancellation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancellationStatus {
    /// What it is about is being looked for; nothing is canceled yet.
    Matching,
    /// Its items are being decided.
    Running,
    /// All of them are.
    Completed,
    /// It was given up; what was not decided by then is left alone.
    Canceled,
}

impl CancellationStatus {
    /// All statuses.
    pub const ALL: [Self; 4] = [
        Self::Matching,
        Self::Running,
        Self::Completed,
        Self::Canceled,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matching => "MATCHING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Canceled => "CANCELED",
        }
    }
}

/// What happens to a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancellationEvent {
    /// All it is about is found.
    Matched {
        /// How many items are not decided.
        left: u64,
    },
    /// Some of its items were decided.
    Decided {
        /// How many are not.
        left: u64,
    },
    /// Somebody wants no more of it.
    GivenUp,
    /// It was given up, and nothing that was asked for before that is on its way any more.
    Settled,
}

/// Where a cancellation is after that; `None`: that means nothing to it any more.
///
/// One that is given up stays open until it is known what became of the items that were on their way.
pub fn advance(
    status: CancellationStatus,
    event: CancellationEvent,
) -> Option<(CancellationStatus, Openness)> {
    use CancellationEvent as Event;
    use CancellationStatus::{Canceled, Completed, Matching, Running};
    match (status, event) {
        (Matching, Event::Matched { left: 0 }) | (Running, Event::Decided { left: 0 }) => {
            Some((Completed, Openness::Done))
        }
        (Matching, Event::Matched { .. }) | (Running, Event::Decided { .. }) => {
            Some((Running, Openness::Open))
        }
        (Matching | Running, Event::GivenUp) | (Canceled, Event::Decided { .. }) => {
            Some((Canceled, Openness::Open))
        }
        (Canceled, Event::Settled) => Some((Canceled, Openness::Done)),
        (Matching, Event::Decided { .. } | Event::Settled)
        | (Running, Event::Matched { .. } | Event::Settled)
        | (Canceled, Event::Matched { .. } | Event::GivenUp)
        | (
            Completed,
            Event::Matched { .. } | Event::Decided { .. } | Event::GivenUp | Event::Settled,
        ) => None,
    }
}

/// Whether something is left to do for a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Openness {
    /// Yes.
    Open,
    /// No, for ever.
    Done,
}

/// Why a number is no rate of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a number from 1 to {CANCELLATION_PER_SECOND_MAX}")]
pub struct InvalidRate;

/// How many items of a cancellation are decided in any second at most.
///
/// They are decided in equal portions, with a gap between the end of one and the begin of the next. A
/// second has no place for more of such gaps than there are portions in the number, however long each
/// portion takes; and what was not used up is not made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPerSecond(u32);

impl MaxPerSecond {
    /// Takes a number within its bounds.
    pub fn new(count: u32) -> Result<Self, InvalidRate> {
        if (1..=CANCELLATION_PER_SECOND_MAX).contains(&count) {
            Ok(Self(count))
        } else {
            Err(InvalidRate)
        }
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Items of a portion, at least one.
    fn portion(self) -> u32 {
        (self.0 / CANCELLATION_PORTIONS_PER_SECOND).max(1)
    }

    /// From the end of one portion to the begin of the next.
    fn gap_ms(self) -> u64 {
        let whole_portions = self.0 / self.portion();
        1_000_u64.div_ceil(whole_portions.into())
    }
}

impl TryFrom<i64> for MaxPerSecond {
    type Error = InvalidRate;

    fn try_from(count: i64) -> Result<Self, InvalidRate> {
        u32::try_from(count)
            .map_err(|_| InvalidRate)
            .and_then(Self::new)
    }
}

/// How far a cancellation is within what it may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Items that were decided of the portion that is under way.
    pub decided: u32,
    /// When the portion may begin, or did.
    pub due_at: Timestamp,
}

/// Whether it is the turn of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is, for so many items.
    Now {
        /// At least one.
        at_most: u32,
    },
    /// It is not before this instant.
    At(Timestamp),
}

impl Pace {
    /// Of one that has decided nothing yet.
    pub const BEGIN: Self = Self {
        decided: 0,
        due_at: Timestamp::EPOCH,
    };

    /// How many items may be decided at `now`; `None`: as fast as it goes.
    pub fn turn(self, max: Option<MaxPerSecond>, now: Timestamp) -> Turn {
        let Some(max) = max else {
            return Turn::Now { at_most: u32::MAX };
        };
        let wait_ms = self.due_at.ms_since(now);
        // Only a clock that was set back is further away than a gap: to wait until it has caught up
        // may take months.
        if (1..=max.gap_ms()).contains(&wait_ms) {
            return Turn::At(self.due_at);
        }
        let left = max.portion().saturating_sub(self.decided);
        Turn::Now {
            at_most: left.max(1),
        }
    }

    /// The pace after `count` more items, the last of them decided by `now`.
    #[must_use]
    pub fn after(self, max: Option<MaxPerSecond>, count: u64, now: Timestamp) -> Self {
        let Some(max) = max else {
            return Self::BEGIN;
        };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let decided = self.decided.saturating_add(count);
        if decided < max.portion() {
            return Self { decided, ..self };
        }
        Self {
            decided: 0,
            due_at: now.plus_ms(max.gap_ms()),
        }
    }
}

/// What became of one item of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancellationOutcome {
    /// This cancellation was the verdict.
    Canceled,
    /// It was canceled before.
    Already,
    /// Its state is no longer the one that was asked for, and it was left alone.
    Changed,
    /// The task is not bound: there was nothing to cancel.
    NotBound,
    /// It had ended otherwise.
    Refused,
    /// There is no such task, or the scheduler does not know its execution.
    Missing,
}

impl CancellationOutcome {
    /// All outcomes.
    pub const ALL: [Self; 6] = [
        Self::Canceled,
        Self::Already,
        Self::Changed,
        Self::NotBound,
        Self::Refused,
        Self::Missing,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Already => "already",
            Self::Changed => "changed",
            Self::NotBound => "not_bound",
            Self::Refused => "refused",
            Self::Missing => "missing",
        }
    }
}

read_back! {
    CancellationStatus: "the status of a cancellation",
    CancellationOutcome: "an outcome of a cancellation",
}

/// Why a cancel of many leaves an execution as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Untouched {
    /// It is canceled; [`Again`] says what the cancel of many is to it.
    Canceled,
    /// It is in none of the wanted states.
    Changed,
    /// It had ended otherwise.
    Refused,
}

/// The states in which a cancel of many means an execution at `now`: in none once it comes too late.
pub fn meant(
    states: Option<&[State]>,
    not_after: Option<Timestamp>,
    now: Timestamp,
) -> Option<&[State]> {
    if not_after.is_some_and(|until| until < now) {
        Some(&[])
    } else {
        states
    }
}

/// Decides what a cancel of many does to an execution that stands at `now` as `standing` says.
///
/// `states` are those in which it is meant; `None`: whatever is not final. It is a cancel as any
/// other, but for the cause of the stop.
pub fn cancel_of_many(
    standing: &Standing,
    states: Option<&[State]>,
    now: Timestamp,
) -> Result<Transition, Untouched> {
    // No back-off follows a cancel: there is nothing to draw for.
    let event = Event::CancelRequested(CancelCause::Bulk);
    let decided = transition(standing, event, now, Jitter(0));
    if decided == Err(Refused::NoOp) {
        return Err(Untouched::Canceled);
    }
    if states.is_some_and(|states| !states.contains(&standing.state)) {
        return Err(Untouched::Changed);
    }
    decided.map_err(|_| Untouched::Refused)
}

/// What is known of the cancel of an execution that is CANCELED.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// When it fell.
    pub at: Timestamp,
    /// Whether principal and reason are those of the one who asks.
    pub is_by_same: bool,
    /// What it was of: one, many, or the tree above.
    pub cause: StopCause,
}

/// What a cancel of many is to an execution that is canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The verdict is its own; its answer was lost.
    Own,
    /// A later request, which is kept beside the first.
    Later,
    /// No request: it is meant in no state, and only told.
    Look,
}

impl Again {
    /// `since` is an instant of the same clock before which the asking cancellation had decided none
    /// of what it asks about. So its own verdict is never taken for somebody else's; the other way
    /// round only another cancel of many, by the same principal with the same reason since then, is.
    /// `states` are those in which an execution is meant, as in [`cancel_of_many`].
    pub fn of(verdict: Verdict, since: Option<Timestamp>, states: Option<&[State]>) -> Self {
        let is_own = verdict.cause == StopCause::Bulk
            && verdict.is_by_same
            && since.is_some_and(|since| since <= verdict.at);
        if is_own {
            Self::Own
        } else if states.is_some_and(<[State]>::is_empty) {
            Self::Look
        } else {
            Self::Later
        }
    }

    /// What is told of it.
    pub fn outcome(self) -> CancellationOutcome {
        match self {
            Self::Own => CancellationOutcome::Canceled,
            Self::Later | Self::Look => CancellationOutcome::Already,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::RetryPolicy;

    fn standing(state: State) -> Standing {
        Standing {
            state,
            ..Standing::accepted(Timestamp::EPOCH, RetryPolicy::default())
        }
    }

    #[test]
    fn what_is_done_stays_so_and_nothing_is_done_before_its_items_are() {
        use CancellationEvent::{Decided, GivenUp, Matched, Settled};
        for event in [
            Matched { left: 0 },
            Matched { left: 1 },
            Decided { left: 0 },
            Decided { left: 1 },
            GivenUp,
            Settled,
        ] {
            assert_eq!(advance(CancellationStatus::Completed, event), None);
            for status in CancellationStatus::ALL {
                let done = advance(status, event).filter(|(_, open)| *open == Openness::Done);
                let expected = match (status, event) {
                    (CancellationStatus::Matching, Matched { left: 0 })
                    | (CancellationStatus::Running, Decided { left: 0 }) => {
                        Some(CancellationStatus::Completed)
                    }
                    (CancellationStatus::Canceled, Settled) => Some(CancellationStatus::Canceled),
                    _ => None,
                };
                assert_eq!(
                    done.map(|(status, _)| status),
                    expected,
                    "{status:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn each_state_is_decided_as_a_cancel_is_but_for_its_cause() {
        let now = Timestamp::EPOCH.plus_ms(5);
        for state in State::ALL {
            let standing = standing(state);
            let event = Event::CancelRequested(CancelCause::User);
            let single = transition(&standing, event, now, Jitter(0));
            let many = cancel_of_many(&standing, None, now);
            let expected = match single {
                Ok(change) => Ok(Transition {
                    stop: (state == State::Running).then_some(StopCause::Bulk),
                    ..change
                }),
                Err(Refused::NoOp) => Err(Untouched::Canceled),
                Err(_) => Err(Untouched::Refused),
            };
            assert_eq!(many, expected, "{state:?}");
        }
    }

    #[test]
    fn what_is_in_another_state_is_changed_unless_it_is_canceled() {
        let now = Timestamp::EPOCH;
        for state in State::ALL {
            for wanted in [&[State::Pending][..], &[State::Running], &[]] {
                let decided = cancel_of_many(&standing(state), Some(wanted), now);
                let expected = if state == State::Canceled {
                    Some(Untouched::Canceled)
                } else {
                    (!wanted.contains(&state)).then_some(Untouched::Changed)
                };
                assert_eq!(decided.err(), expected, "{state:?} of {wanted:?}");
            }
        }
    }

    #[test]
    fn what_comes_too_late_means_no_state() {
        let until = Timestamp::EPOCH.plus_ms(5);
        for states in [None, Some(&[State::Pending][..])] {
            assert_eq!(meant(states, None, until.plus_ms(1)), states);
            assert_eq!(meant(states, Some(until), until), states);
            let late = meant(states, Some(until), until.plus_ms(1));
            assert_eq!(late, Some(&[][..]));
        }
    }

    #[test]
    fn a_rate_is_within_its_bounds() {
        for wrong in [-1, 0, 100_001, i64::MAX] {
            assert_eq!(MaxPerSecond::try_from(wrong), Err(InvalidRate), "{wrong}");
        }
        for count in [1, 100_000] {
            assert_eq!(MaxPerSecond::new(count).unwrap().get(), count);
        }
    }

    #[test]
    fn a_portion_is_decided_and_then_the_next_is_due() {
        let begin = Timestamp::EPOCH.plus_ms(5_000);
        for (count, portion, gap_ms) in [
            (1, 1, 1_000),
            (3, 1, 334),
            (10, 1, 100),
            (19, 1, 53),
            (25, 2, 84),
            (100, 10, 100),
            (100_000, 10_000, 100),
        ] {
            let max = MaxPerSecond::new(count).ok();
            let now = Turn::Now { at_most: portion };
            assert_eq!(Pace::BEGIN.turn(max, begin), now, "{count}");
            let pace = Pace::BEGIN.after(max, portion.into(), begin);
            let due_at = begin.plus_ms(gap_ms);
            assert_eq!(pace, Pace { decided: 0, due_at }, "{count}");
            assert_eq!(pace.turn(max, due_at.minus_ms(1)), Turn::At(due_at));
            assert_eq!(pace.turn(max, due_at), now, "{count}");
            // What an outage kept from being decided does not follow at once.
            assert_eq!(pace.turn(max, due_at.plus_ms(3_600_000)), now, "{count}");
        }
    }

    #[test]
    fn the_rest_of_a_portion_follows_at_once() {
        let (begin, max) = (Timestamp::EPOCH.plus_ms(5_000), MaxPerSecond::new(100).ok());
        let pace = Pace::BEGIN.after(max, 3, begin);
        assert_eq!(pace.turn(max, begin), Turn::Now { at_most: 7 });
        assert_eq!(pace.after(max, 0, begin), pace);
        let pace = pace.after(max, 7, begin.plus_ms(20));
        let due_at = begin.plus_ms(120);
        assert_eq!(pace.turn(max, begin.plus_ms(20)), Turn::At(due_at));
    }

    #[test]
    fn a_clock_that_was_set_back_is_not_waited_for() {
        let (begin, max) = (Timestamp::EPOCH.plus_ms(5_000), MaxPerSecond::new(1).ok());
        let pace = Pace::BEGIN.after(max, 1, begin);
        let due_at = begin.plus_ms(1_000);
        assert_eq!(pace.turn(max, begin), Turn::At(due_at));
        let earlier = begin.minus_ms(1);
        assert_eq!(pace.turn(max, earlier), Turn::Now { at_most: 1 });
    }

    #[test]
    fn without_a_rate_it_goes_as_fast_as_it_can() {
        let now = Timestamp::EPOCH.plus_ms(5_000);
        let pace = Pace::BEGIN.after(None, 1_000_000, now);
        assert_eq!(pace, Pace::BEGIN);
        assert_eq!(pace.turn(None, now), Turn::Now { at_most: u32::MAX });
    }

    #[test]
    fn a_verdict_is_its_own_if_nothing_speaks_against_it_and_a_look_is_no_request() {
        let at = Timestamp::EPOCH.plus_ms(7);
        let verdict = |is_by_same, cause| Verdict {
            at,
            is_by_same,
            cause,
        };
        for cause in StopCause::ALL {
            for (states, other) in [
                (None, Again::Later),
                (Some(&[State::Pending][..]), Again::Later),
                (Some(&[][..]), Again::Look),
            ] {
                let again =
                    |is_by_same, since| Again::of(verdict(is_by_same, cause), since, states);
                let own = if cause == StopCause::Bulk {
                    Again::Own
                } else {
                    other
                };
                assert_eq!(again(true, Some(at)), own, "{cause:?} {states:?}");
                assert_eq!(again(false, Some(at)), other, "{cause:?} {states:?}");
                assert_eq!(
                    again(true, Some(at.plus_ms(1))),
                    other,
                    "{cause:?} {states:?}"
                );
                assert_eq!(again(true, None), other, "{cause:?} {states:?}");
            }
        }
    }
}
