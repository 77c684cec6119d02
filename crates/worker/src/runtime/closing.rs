//! The end of a session, in stages: by the worker's own will, or because it is dead.

use taskpilot_api::workers::HandInOutcome;
use taskpilot_domain::limits::KILL_MS;

use super::attempts::{Phase, Stop, Why};
use super::dispatcher::{Dispatcher, Over};
use crate::clock::BootInstant;
use crate::limits::{FLUSH_MS, LOST_GRACE_MS, ORPHAN_GRACE_MS, PROOF_SLACK_MS};

/// Where a session stands. The instants are the ends of the stages' patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It takes work.
    Serving,
    /// It takes none; what runs may end by itself.
    Draining(BootInstant),
    /// What still runs is being stopped.
    Stopping(BootInstant),
    /// Nothing runs; the last reports are on their way.
    Flushing(BootInstant),
    /// All is told but that no claim is waited for.
    Closing(BootInstant),
    /// The scheduler has ended it; what runs is being stopped.
    Dead(BootInstant),
}

impl Stage {
    pub(super) fn deadline(self) -> Option<BootInstant> {
        match self {
            Self::Serving => None,
            Self::Draining(until)
            | Self::Stopping(until)
            | Self::Flushing(until)
            | Self::Closing(until)
            | Self::Dead(until) => Some(until),
        }
    }
}

impl Dispatcher {
    /// The worker shall end: no new work, nothing that did not begin, and time for the rest.
    pub(super) fn drain(&mut self) {
        tracing::info!(running = self.attempts.live().count(), "draining");
        let until = BootInstant::now().plus_ms(self.means.drain_ms);
        self.stage = Stage::Draining(until);
        self.end_claims();
        self.stop_live(|phase| matches!(phase, Phase::Preparing));
    }

    pub(super) fn on_session_gone(&mut self) {
        if matches!(self.stage, Stage::Dead(_)) {
            return;
        }
        tracing::warn!(
            session = self.session.session_id.get(),
            running = self.attempts.live().count(),
            "the scheduler has ended the session"
        );
        let patience_ms = LOST_GRACE_MS + KILL_MS + PROOF_SLACK_MS;
        self.stage = Stage::Dead(BootInstant::now().plus_ms(patience_ms));
        if let Some(hand_ins) = self.claims.in_flight.take() {
            self.results.put_back(hand_ins);
        }
        for (_, attempt) in self.attempts.each_mut() {
            attempt.stop(Stop {
                why: Why::SessionDead,
                grace_ms: LOST_GRACE_MS,
            });
        }
    }

    /// Goes on to the next stage when its time has come; the last one ends the session.
    pub(super) fn advance(&mut self, now: BootInstant) -> Option<Over> {
        loop {
            let is_late = self.stage.deadline().is_some_and(|until| now >= until);
            let any_live = self.attempts.any_live();
            match self.stage {
                Stage::Draining(_) | Stage::Stopping(_) if !any_live => self.flush(now),
                Stage::Stopping(_) if is_late => self.flush(now),
                Stage::Draining(_) if is_late => self.stop_what_runs(now),
                Stage::Flushing(until) if !is_late && self.is_flushed() => self.close(until),
                Stage::Flushing(_) | Stage::Closing(_) if is_late => return Some(self.shut_down()),
                Stage::Closing(_) if self.claims.to_close.is_none() => {
                    return Some(self.shut_down());
                }
                Stage::Dead(_) if is_late || (!any_live && self.results.is_empty()) => {
                    return Some(Over::Dead);
                }
                Stage::Serving
                | Stage::Draining(_)
                | Stage::Stopping(_)
                | Stage::Flushing(_)
                | Stage::Closing(_)
                | Stage::Dead(_) => return None,
            }
        }
    }

    fn stop_what_runs(&mut self, now: BootInstant) {
        let grace_ms = self.shutdown_grace_ms();
        tracing::info!(running = self.attempts.live().count(), "stopping what runs");
        self.stop_live(|_| true);
        self.stage = Stage::Stopping(now.plus_ms(grace_ms + KILL_MS + PROOF_SLACK_MS));
    }

    fn flush(&mut self, now: BootInstant) {
        self.stage = Stage::Flushing(now.plus_ms(FLUSH_MS));
    }

    fn is_flushed(&self) -> bool {
        self.results.is_empty() && self.stops.is_empty()
    }

    /// The last claim may have been granted what our own last hand-in gave back. The goodbye would
    /// count that as lost; a heartbeat without it releases it.
    fn close(&mut self, until: BootInstant) {
        self.claims.to_close = Some(self.claims.answered);
        self.senders.beat_now.notify_one();
        self.stage = Stage::Closing(until);
    }

    fn shut_down(&self) -> Over {
        let unanswered = self.results.unanswered();
        let never_started = unanswered
            .filter(|draft| draft.outcome() == HandInOutcome::Released)
            .map(|draft| draft.fenced());
        Over::Shutdown {
            never_started: never_started.collect(),
            all_ended: !self.attempts.any_live(),
        }
    }

    fn stop_live(&mut self, which: impl Fn(&Phase) -> bool) {
        let longest_ms = self.shutdown_grace_ms();
        for (_, attempt) in self.attempts.each_mut() {
            if attempt.is_live() && which(&attempt.phase) {
                let grace_ms = attempt.grace_ms.min(longest_ms);
                attempt.stop(Stop {
                    why: Why::Shutdown,
                    grace_ms,
                });
            }
        }
    }

    /// An end may take twice the time to drain, whatever grace its work was promised: whoever ends
    /// the worker waits for it.
    fn shutdown_grace_ms(&self) -> u64 {
        self.means.drain_ms.max(ORPHAN_GRACE_MS)
    }
}
