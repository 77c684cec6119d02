//! The one function that decides what an event does to an execution.
//!
//! It returns data: the guard it expects and what to write. Stores apply it and never decide.

use super::event::{Event, FenceMatch};
use super::state::{Standing, State};
use crate::ids::AttemptNumber;
use crate::limits::UNCOUNTED_MAX;
use crate::retry::Jitter;
use crate::stop::{StopCause, StopStatus};
use crate::text::read_back;
use crate::time::Timestamp;

/// How an attempt ended, as it is kept on its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptEnd {
    /// With a result.
    Succeeded,
    /// With a failure that its handler reported.
    Failed,
    /// With its lease: expired, or its worker gone.
    Lost,
    /// Returned unbegun; does not count.
    Released,
    /// Ended by its worker for reasons of its own; does not count.
    Interrupted,
    /// It ran longer than it may.
    TimedOut,
    /// The deadline of its execution passed.
    DeadlineExceeded,
    /// Its execution was canceled.
    Canceled,
}

read_back! {
    AttemptEnd: "an end of an attempt",
}

impl AttemptEnd {
    /// All ends.
    pub const ALL: [Self; 8] = [
        Self::Succeeded,
        Self::Failed,
        Self::Lost,
        Self::Released,
        Self::Interrupted,
        Self::TimedOut,
        Self::DeadlineExceeded,
        Self::Canceled,
    ];

    /// The name on the wire and in stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Released => "released",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed_out",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Canceled => "canceled",
        }
    }
}

/// A decided change: what must still be so, and what to write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// The guard: state and attempt that were decided on.
    pub expected: (State, AttemptNumber),
    /// The execution afterwards, `stop_unproven` included.
    pub next: Standing,
    /// How the running attempt ended, if one ended.
    pub ended: Option<AttemptEnd>,
    /// The stop to open for that attempt, because it may still run.
    pub stop: Option<StopCause>,
    /// The verdict's stamp, if this is the verdict: never before the first counted claim, even
    /// where the clocks of two nodes differ.
    pub completed_at: Option<Timestamp>,
}

impl Transition {
    /// Where the stop of the last attempt begins with this change; `None` where it stays as it is.
    ///
    /// `NOT_NEEDED` only where nothing was leased *and* nothing is left of an earlier attempt: a
    /// cancel between a timeout and the proof of its stop goes on showing that open stop.
    pub fn first_stop_status(&self) -> Option<StopStatus> {
        if self.stop.is_some() {
            return Some(StopStatus::Requested);
        }
        let nothing_left = self.next.state == State::Canceled && !self.next.stop_unproven;
        nothing_left.then_some(StopStatus::NotNeeded)
    }
}

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// This token already ended so: success for the sender.
    #[error("this attempt has already ended with this outcome")]
    Duplicate,
    /// The execution was decided otherwise; the report is evidence.
    #[error("the execution was decided otherwise")]
    Late,
    /// Another attempt is current, or the token is unknown.
    #[error("another attempt is current")]
    Stale,
    /// The state does not allow it.
    #[error("the state does not allow this")]
    Refused,
    /// It is so already, or it no longer matters.
    #[error("nothing is left to do")]
    NoOp,
}

/// Decides what `event` does to an execution that stands at `now` as `standing` says.
///
/// `jitter` is used only where a back-off begins.
pub fn transition(
    standing: &Standing,
    event: Event,
    now: Timestamp,
    jitter: Jitter,
) -> Result<Transition, Refused> {
    let change = Change {
        standing,
        now,
        jitter,
    };
    match standing.state {
        State::Pending => change.while_pending(event),
        State::Running => change.while_running(event),
        State::Succeeded | State::Failed => after_the_end(event),
        State::Canceled => after_a_cancel(event),
    }
}

fn after_the_end(event: Event) -> Result<Transition, Refused> {
    Err(match event {
        Event::Succeeded(fence)
        | Event::AttemptFailed { fence, .. }
        | Event::Released(fence)
        | Event::Interrupted(fence) => duplicate_or_stale(fence),
        Event::Claimed | Event::CancelRequested(_) => Refused::Refused,
        Event::WorkerGone
        | Event::LeaseExpired
        | Event::AttemptTimedOut
        | Event::DeadlinePassed => Refused::NoOp,
    })
}

fn after_a_cancel(event: Event) -> Result<Transition, Refused> {
    Err(match event {
        Event::Succeeded(fence)
        | Event::AttemptFailed { fence, .. }
        | Event::Released(fence)
        | Event::Interrupted(fence) => late(fence),
        Event::Claimed => Refused::Refused,
        Event::CancelRequested(_)
        | Event::WorkerGone
        | Event::LeaseExpired
        | Event::AttemptTimedOut
        | Event::DeadlinePassed => Refused::NoOp,
    })
}

/// A report is worth something only under the lease in force. One that repeats the end of its own
/// attempt was heard, also where that attempt is no longer the last one.
fn current(fence: FenceMatch) -> Result<(), Refused> {
    match fence {
        FenceMatch::Current => Ok(()),
        FenceMatch::EndedSame => Err(Refused::Duplicate),
        FenceMatch::EndedOtherwise | FenceMatch::Unknown => Err(Refused::Stale),
    }
}

/// Where no lease is in force: the sender of a repeat is told that it was heard.
fn duplicate_or_stale(fence: FenceMatch) -> Refused {
    match fence {
        FenceMatch::EndedSame => Refused::Duplicate,
        FenceMatch::Current | FenceMatch::EndedOtherwise | FenceMatch::Unknown => Refused::Stale,
    }
}

/// After a cancel: an attempt that ended before the verdict repeats itself as ever, a token that
/// never was proves nothing and is no evidence, and the rest came too late.
fn late(fence: FenceMatch) -> Refused {
    match fence {
        FenceMatch::EndedSame => Refused::Duplicate,
        FenceMatch::Unknown => Refused::Stale,
        FenceMatch::Current | FenceMatch::EndedOtherwise => Refused::Late,
    }
}

struct Change<'a> {
    standing: &'a Standing,
    now: Timestamp,
    jitter: Jitter,
}

impl Change<'_> {
    fn while_pending(&self, event: Event) -> Result<Transition, Refused> {
        match event {
            Event::Claimed => self.claimed(),
            Event::DeadlinePassed => Ok(self.to_final(State::Failed, None, None)),
            Event::CancelRequested(_) => Ok(self.to_final(State::Canceled, None, None)),
            Event::Succeeded(fence)
            | Event::AttemptFailed { fence, .. }
            | Event::Released(fence)
            | Event::Interrupted(fence) => Err(duplicate_or_stale(fence)),
            Event::WorkerGone | Event::LeaseExpired | Event::AttemptTimedOut => Err(Refused::NoOp),
        }
    }

    fn while_running(&self, event: Event) -> Result<Transition, Refused> {
        Ok(match event {
            Event::Claimed => return Err(Refused::Refused),
            Event::Succeeded(fence) => {
                current(fence)?;
                self.to_final(State::Succeeded, Some(AttemptEnd::Succeeded), None)
            }
            Event::AttemptFailed { fence, retryable } => {
                current(fence)?;
                self.counted_end(AttemptEnd::Failed, retryable, None)
            }
            Event::Released(fence) => {
                current(fence)?;
                self.uncounted_end(AttemptEnd::Released)
            }
            Event::Interrupted(fence) => {
                current(fence)?;
                self.uncounted_end(AttemptEnd::Interrupted)
            }
            Event::WorkerGone | Event::LeaseExpired => {
                self.counted_end(AttemptEnd::Lost, true, None)
            }
            Event::AttemptTimedOut => {
                self.counted_end(AttemptEnd::TimedOut, true, Some(StopCause::Timeout))
            }
            Event::DeadlinePassed => self.to_final(
                State::Failed,
                Some(AttemptEnd::DeadlineExceeded),
                Some(StopCause::Deadline),
            ),
            Event::CancelRequested(cause) => self.to_final(
                State::Canceled,
                Some(AttemptEnd::Canceled),
                Some(cause.into()),
            ),
        })
    }

    fn claimed(&self) -> Result<Transition, Refused> {
        if self.standing.available_at > self.now || self.standing.stop_unproven {
            return Err(Refused::Refused);
        }
        let next = Standing {
            state: State::Running,
            attempt: self.standing.attempt.next(),
            attempt_count: self.standing.attempt_count + 1,
            processing_started_at: self.standing.processing_started_at.or(Some(self.now)),
            ..*self.standing
        };
        Ok(self.write(next, None, None))
    }

    fn to_final(
        &self,
        state: State,
        ended: Option<AttemptEnd>,
        stop: Option<StopCause>,
    ) -> Transition {
        self.write(
            Standing {
                state,
                ..*self.standing
            },
            ended,
            stop,
        )
    }

    fn counted_end(
        &self,
        ended: AttemptEnd,
        retryable: bool,
        stop: Option<StopCause>,
    ) -> Transition {
        let counted = self.standing.attempt_count;
        if !retryable || counted >= self.standing.policy.max_attempts {
            return self.to_final(State::Failed, Some(ended), stop);
        }
        let wait = self.standing.policy.backoff.delay_ms(counted, self.jitter);
        let next = Standing {
            state: State::Pending,
            // Not before it was available: another node's clock may be behind.
            available_at: self.now.plus_ms(wait).max(self.standing.available_at),
            ..*self.standing
        };
        self.write(next, Some(ended), stop)
    }

    fn uncounted_end(&self, ended: AttemptEnd) -> Transition {
        let counted = self.standing.attempt_count.saturating_sub(1);
        let mut next = Standing {
            state: State::Pending,
            attempt_count: counted,
            uncounted: self.standing.uncounted + 1,
            ..*self.standing
        };
        if counted == 0 {
            next.processing_started_at = None;
        }
        if next.uncounted > UNCOUNTED_MAX {
            next.state = State::Failed;
        }
        self.write(next, Some(ended), None)
    }

    fn write(
        &self,
        next: Standing,
        ended: Option<AttemptEnd>,
        stop: Option<StopCause>,
    ) -> Transition {
        let unproven = self.standing.stop_unproven || stop.is_some();
        Transition {
            expected: (self.standing.state, self.standing.attempt),
            next: Standing {
                stop_unproven: unproven,
                ..next
            },
            ended,
            stop,
            completed_at: next.state.is_final().then_some(
                next.processing_started_at
                    .map_or(self.now, |at| at.max(self.now)),
            ),
        }
    }
}
