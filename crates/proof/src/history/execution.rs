//! One execution, one operation after the other: what production promises to look like.

use taskpilot_domain::execution::{
    AttemptEnd, Event, FenceMatch, Refused, Standing, State, Transition, transition,
};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::retry::{Backoff, Jitter, RetryPolicy};
use taskpilot_domain::stop::CancelCause;
use taskpilot_domain::time::Timestamp;

const CANCELED: Event = Event::CancelRequested(CancelCause::User);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// A create under the key of the execution.
    Create,
    /// A call for work that was, or may have been, granted this execution.
    Claim,
    /// A hand-in under an attempt of it.
    Finish {
        /// Which.
        attempt: u32,
        /// Under a token that was never given out.
        is_forged: bool,
        /// What became of it.
        outcome: Outcome,
    },
    /// A cancel by its id.
    Cancel,
    /// A cancel by its key, which may come before its create.
    CancelKey,
    /// A read.
    Get,
}

/// What a worker says that became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It has a result.
    Succeeded,
    /// It failed, and another attempt may help.
    Failed,
    /// It was never begun.
    Released,
    /// Its worker ended it.
    Interrupted,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It is there, now or before.
    Created,
    /// It was granted.
    Granted {
        /// As this attempt.
        attempt: u32,
    },
    /// The verdict on a hand-in.
    Judged(Verdict),
    /// It is canceled, now or before.
    Canceled,
    /// It has ended otherwise.
    Refused,
    /// How it stands.
    Told {
        /// Its state.
        state: State,
        /// Its attempts, as far as they count.
        attempt_count: u32,
    },
}

/// A verdict on a hand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is the outcome of the attempt.
    Applied,
    /// It was so already.
    Duplicate,
    /// The execution was decided otherwise.
    Late,
    /// Another attempt is current, or the token is unknown.
    Stale,
}

/// An execution whose back-off is nought and that nobody times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Execution {
    exists: bool,
    max_attempts: u32,
    state: State,
    attempt: u32,
    attempt_count: u32,
    uncounted: u32,
    has_started: bool,
    /// By attempt, how it ended.
    ends: Vec<Option<AttemptEnd>>,
}

/// No operation of a history depends on the time.
fn now() -> Timestamp {
    Timestamp::from_millis(0)
}

impl Outcome {
    fn end(self) -> AttemptEnd {
        match self {
            Self::Succeeded => AttemptEnd::Succeeded,
            Self::Failed => AttemptEnd::Failed,
            Self::Released => AttemptEnd::Released,
            Self::Interrupted => AttemptEnd::Interrupted,
        }
    }

    fn event(self, fence: FenceMatch) -> Event {
        match self {
            Self::Succeeded => Event::Succeeded(fence),
            Self::Failed => Event::AttemptFailed {
                fence,
                retryable: true,
            },
            Self::Released => Event::Released(fence),
            Self::Interrupted => Event::Interrupted(fence),
        }
    }
}

impl Execution {
    /// Before anybody has spoken of it.
    pub fn before_its_create(max_attempts: u32) -> Self {
        Self {
            exists: false,
            max_attempts,
            state: State::Pending,
            attempt: 0,
            attempt_count: 0,
            uncounted: 0,
            has_started: false,
            ends: Vec::new(),
        }
    }

    /// How it stands after a call with that answer; `None`: that is not what is answered here.
    /// Without an answer, after the call whatever was answered.
    pub fn after(&self, call: Call, answer: Option<Answer>) -> Option<Self> {
        let (after, given) = self.take(call)?;
        answer.is_none_or(|answer| answer == given).then_some(after)
    }

    /// `None`: nothing like this can be asked yet.
    fn take(&self, call: Call) -> Option<(Self, Answer)> {
        if !self.exists && !matches!(call, Call::Create | Call::CancelKey) {
            return None;
        }
        let here = Self {
            exists: true,
            ..self.clone()
        };
        Some(match call {
            Call::Create => (here, Answer::Created),
            Call::Claim => {
                let change = here.decide(Event::Claimed).ok()?;
                let mut after = here.changed(&change);
                after.ends.push(None);
                let attempt = after.attempt;
                (after, Answer::Granted { attempt })
            }
            Call::Finish {
                attempt,
                is_forged,
                outcome,
            } => here.finish(attempt, is_forged, outcome),
            Call::Cancel | Call::CancelKey => match here.decide(CANCELED) {
                Ok(change) => (here.changed(&change), Answer::Canceled),
                Err(Refused::NoOp) => (here, Answer::Canceled),
                Err(_) => (here, Answer::Refused),
            },
            Call::Get => {
                let told = Answer::Told {
                    state: here.state,
                    attempt_count: here.attempt_count,
                };
                (here, told)
            }
        })
    }

    fn finish(self, attempt: u32, is_forged: bool, outcome: Outcome) -> (Self, Answer) {
        let place = usize::try_from(attempt).ok();
        let row = place.and_then(|number| self.ends.get(number.checked_sub(1)?));
        let fence = match row {
            Some(_) if is_forged => FenceMatch::Unknown,
            None => FenceMatch::Unknown,
            Some(None) => FenceMatch::Current,
            Some(Some(end)) if *end == outcome.end() => FenceMatch::EndedSame,
            Some(Some(_)) => FenceMatch::EndedOtherwise,
        };
        let (after, verdict) = match self.decide(outcome.event(fence)) {
            Ok(change) => (self.changed(&change), Verdict::Applied),
            Err(Refused::Duplicate) => (self, Verdict::Duplicate),
            Err(Refused::Late) => (self, Verdict::Late),
            Err(Refused::Stale | Refused::Refused | Refused::NoOp) => (self, Verdict::Stale),
        };
        (after, Answer::Judged(verdict))
    }

    fn decide(&self, event: Event) -> Result<Transition, Refused> {
        let policy = RetryPolicy {
            max_attempts: self.max_attempts,
            backoff: Backoff {
                initial_ms: 0,
                max_ms: 0,
                factor: 1.0,
            },
        };
        let standing = Standing {
            state: self.state,
            attempt: AttemptNumber(self.attempt),
            attempt_count: self.attempt_count,
            uncounted: self.uncounted,
            processing_started_at: self.has_started.then(now),
            ..Standing::accepted(now(), policy)
        };
        transition(&standing, event, now(), Jitter(0))
    }

    fn changed(&self, change: &Transition) -> Self {
        let next = &change.next;
        let mut after = Self {
            state: next.state,
            attempt: next.attempt.0,
            attempt_count: next.attempt_count,
            uncounted: next.uncounted,
            has_started: next.processing_started_at.is_some(),
            ..self.clone()
        };
        if change.ended.is_some()
            && let Some(last) = after.ends.last_mut()
        {
            *last = change.ended;
        }
        after
    }
}
