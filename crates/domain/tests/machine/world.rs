//! A store in miniature: it applies what the rules decide, and keeps its own records beside them.

use taskpilot_domain::execution::{
    AttemptEnd, Event, FenceMatch, Refused, Standing, Transition, transition,
};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::{StopChange, StopEvent, StopStatus, advance};
use taskpilot_domain::time::Timestamp;

use crate::steps::{Report, Setting, Step, Whose};

/// An attempt as a store keeps it. Its index is its token: fresh at every claim, never reused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) number: AttemptNumber,
    pub(crate) end: Option<AttemptEnd>,
    pub(crate) stop: Option<StopStatus>,
    /// Whether an operator released it.
    pub(crate) released: bool,
}

impl Attempt {
    pub(crate) fn counts(self) -> bool {
        !matches!(
            self.end,
            Some(AttemptEnd::Released | AttemptEnd::Interrupted)
        )
    }

    pub(crate) fn is_unproven(self) -> bool {
        !self.released && self.stop.is_some_and(|status| !status.is_settled())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct World {
    pub(crate) standing: Standing,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) completed_at: Option<Timestamp>,
    /// What the world itself knows of when the next claim may come.
    pub(crate) not_before: Timestamp,
}

/// What the rules said about one event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) event: Event,
    pub(crate) verdict: Result<Transition, Refused>,
}

/// What the rules said about the stop of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StopMove {
    pub(crate) from: StopStatus,
    pub(crate) change: StopChange,
}

/// What one step did.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) decision: Option<Decision>,
    pub(crate) stop_move: Option<StopMove>,
}

impl World {
    pub(crate) fn new(setting: &Setting) -> Self {
        Self {
            standing: Standing::accepted(setting.scheduled_for, setting.policy),
            attempts: Vec::new(),
            completed_at: None,
            not_before: setting.scheduled_for,
        }
    }

    pub(crate) fn take(&mut self, step: Step, now: Timestamp, jitter: Jitter) -> Outcome {
        let last = self.attempts.len().checked_sub(1);
        match step {
            Step::Pass(_) => Outcome::default(),
            Step::Claim => self.happen(Event::Claimed, None, now, jitter),
            Step::Report(whose, report) => {
                let about = self.whose(whose);
                let event = report.event(self.fence(about, report));
                self.happen(event, about, now, jitter)
            }
            Step::WorkerGone => self.happen(Event::WorkerGone, last, now, jitter),
            Step::LeaseExpired => self.happen(Event::LeaseExpired, last, now, jitter),
            Step::TimeOut => self.happen(Event::AttemptTimedOut, None, now, jitter),
            Step::Deadline => self.happen(Event::DeadlinePassed, None, now, jitter),
            Step::Cancel(cause) => self.happen(Event::CancelRequested(cause), None, now, jitter),
            Step::Stop(whose, event) => {
                let stop_move = self.whose(whose).and_then(|about| self.learn(about, event));
                Outcome {
                    decision: None,
                    stop_move,
                }
            }
        }
    }

    fn whose(&self, whose: Whose) -> Option<usize> {
        match whose {
            Whose::BeforeLast(back) => self.attempts.len().checked_sub(1 + back),
            Whose::Nobody => None,
        }
    }

    fn fence(&self, about: Option<usize>, report: Report) -> FenceMatch {
        match about
            .and_then(|token| self.attempts.get(token))
            .map(|attempt| attempt.end)
        {
            None => FenceMatch::Unknown,
            Some(None) => FenceMatch::Current,
            Some(Some(end)) if end == report.end() => FenceMatch::EndedSame,
            Some(Some(_)) => FenceMatch::EndedOtherwise,
        }
    }

    fn happen(
        &mut self,
        event: Event,
        about: Option<usize>,
        now: Timestamp,
        jitter: Jitter,
    ) -> Outcome {
        let verdict = transition(&self.standing, event, now, jitter);
        if let Ok(change) = &verdict {
            self.apply(change, now, jitter);
        }
        let stop_move = about
            .zip(event.about_stop(None))
            .and_then(|(about, proof)| self.learn(about, proof));
        Outcome {
            decision: Some(Decision { event, verdict }),
            stop_move,
        }
    }

    fn apply(&mut self, change: &Transition, now: Timestamp, jitter: Jitter) {
        if change.next.attempt != self.standing.attempt {
            let number = change.next.attempt;
            self.attempts.push(Attempt {
                number,
                end: None,
                stop: None,
                released: false,
            });
        }
        if let Some(attempt) = self.attempts.last_mut()
            && change.ended.is_some()
        {
            attempt.end = change.ended;
            attempt.stop = change.stop.and(change.first_stop_status());
            if attempt.counts() {
                let failed = self.counted();
                let wait = change.next.policy.backoff.delay_ms(failed, jitter);
                self.not_before = self.not_before.max(now.plus_ms(wait));
            }
        }
        self.standing = change.next;
        self.completed_at = self.completed_at.or(change.completed_at);
    }

    fn learn(&mut self, about: usize, event: StopEvent) -> Option<StopMove> {
        let attempt = self.attempts.get_mut(about)?;
        let stop = attempt.stop.as_mut()?;
        let (from, change) = (*stop, advance(*stop, event));
        if let StopChange::Moved(next) = change {
            *stop = next;
        }
        attempt.released |= change == StopChange::Released;
        self.standing.stop_unproven = self.is_unproven();
        Some(StopMove { from, change })
    }

    pub(crate) fn counted(&self) -> u32 {
        let counted = self
            .attempts
            .iter()
            .filter(|attempt| attempt.counts())
            .count();
        u32::try_from(counted).expect("invariant: a history is short")
    }

    pub(crate) fn is_unproven(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.is_unproven())
    }
}
