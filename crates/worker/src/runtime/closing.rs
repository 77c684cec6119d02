//! The end of a session, in stages: by the worker's own will, or because it is dead.

use taskpilot_api::workers::HandInOutcome;
use taskpilot_domain::limits::KILL_MS;

use super::attempts::{Attempt, Stop, Why};
use super::dispatcher::{Dispatcher, Over};
use crate::clock::BootInstant;
use crate::limits::{DRAIN_MS_MIN, FLUSH_MS, LOST_GRACE_MS, PROOF_SLACK_MS};

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

/// When the steps of an orderly end are due, so that all of it fits into the time to drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// What runs is asked to end.
    stop_at: BootInstant,
    /// From the polite signal to the kill, for whatever was promised more.
    grace_ms: u64,
    /// From the kill until a supervisor that has proven nothing is given up.
    proof_ms: u64,
    /// Nothing runs any more.
    stopped_by: BootInstant,
    /// The last report is answered.
    told_by: BootInstant,
    /// The goodbye is said.
    over_at: BootInstant,
}

impl Schedule {
    /// A tenth of the time each for the kill and for the last words, up to three for the grace as
    /// far as it is needed, and the rest, which is half of it at least, for the work.
    fn new(now: BootInstant, drain_ms: u64, longest_grace_ms: u64) -> Self {
        let total_ms = drain_ms.max(DRAIN_MS_MIN);
        let kill_ms = (total_ms / 10).min(KILL_MS);
        let tell_ms = (total_ms / 10).min(FLUSH_MS);
        let grace_ms = longest_grace_ms.min(total_ms / 10 * 3);
        let run_ms = if drain_ms < DRAIN_MS_MIN {
            drain_ms / 2
        } else {
            total_ms - kill_ms - tell_ms - grace_ms
        };
        let over_at = now.plus_ms(total_ms);
        Self {
            stop_at: now.plus_ms(run_ms),
            grace_ms,
            proof_ms: kill_ms / 4,
            stopped_by: over_at.minus_ms(tell_ms),
            told_by: over_at.minus_ms(tell_ms / 2),
            over_at,
        }
    }
}

impl Dispatcher {
    /// The worker shall end: no new work, nothing that did not begin, and time for the rest.
    pub(super) fn drain(&mut self) {
        tracing::info!(running = self.attempts.live().count(), "draining");
        let graces = self.attempts.live().map(|(_, one)| one.grace_ms);
        let longest_ms = graces.max().unwrap_or_default();
        let schedule = Schedule::new(BootInstant::now(), self.means.drain_ms, longest_ms);
        self.schedule = Some(schedule);
        if let Stage::Dead(until) = self.stage {
            self.stage = Stage::Dead(until.min(schedule.over_at));
            return;
        }
        self.stage = Stage::Draining(schedule.stop_at);
        self.end_claims();
        self.stop_live(Attempt::is_unbegun);
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.stage, Stage::Draining(_))
    }

    /// What still runs has no more time to end by itself: it is stopped now, with its grace.
    pub(super) fn hasten(&mut self) {
        if let Some(schedule) = self.schedule {
            self.stop_what_runs(schedule);
        }
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
        // Longer than a supervisor is waited for: what it leaves is ended here.
        let patience_ms = LOST_GRACE_MS + KILL_MS + 2 * PROOF_SLACK_MS;
        let until = BootInstant::now().plus_ms(patience_ms);
        let end = self.schedule.map(|schedule| schedule.over_at);
        self.stage = Stage::Dead(end.map_or(until, |end| end.min(until)));
        if let Some(hand_ins) = self.claims.in_flight.take() {
            self.results.put_back(hand_ins);
        }
        for (_, attempt) in self.attempts.each_mut() {
            attempt.stop(Stop::new(Why::SessionDead, LOST_GRACE_MS));
        }
    }

    /// Goes on to the next stage when its time has come; the last one ends the session.
    pub(super) fn advance(&mut self, now: BootInstant) -> Option<Over> {
        loop {
            let is_late = self.stage.deadline().is_some_and(|until| now >= until);
            let any_live = self.attempts.any_live();
            match (self.stage, self.schedule) {
                (Stage::Dead(_), _) if is_late || (!any_live && self.results.is_empty()) => {
                    return Some(Over::Dead);
                }
                (Stage::Draining(_), Some(schedule)) if any_live && is_late => {
                    self.stop_what_runs(schedule);
                }
                (Stage::Draining(_) | Stage::Stopping(_), Some(schedule))
                    if !any_live || is_late =>
                {
                    self.stage = Stage::Flushing(schedule.told_by);
                }
                // What is still dying may yet be handed in.
                (Stage::Flushing(until), _) if !is_late && !any_live && self.is_flushed() => {
                    self.close(until);
                }
                (Stage::Flushing(_) | Stage::Closing(_), Some(schedule)) if is_late => {
                    return Some(self.shut_down(schedule));
                }
                (Stage::Closing(_), Some(schedule)) if self.claims.to_close.is_none() => {
                    return Some(self.shut_down(schedule));
                }
                (
                    Stage::Serving
                    | Stage::Draining(_)
                    | Stage::Stopping(_)
                    | Stage::Flushing(_)
                    | Stage::Closing(_)
                    | Stage::Dead(_),
                    _,
                ) => return None,
            }
        }
    }

    fn stop_what_runs(&mut self, schedule: Schedule) {
        tracing::info!(running = self.attempts.live().count(), "stopping what runs");
        self.stop_live(|_| true);
        self.stage = Stage::Stopping(schedule.stopped_by);
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

    fn shut_down(&self, schedule: Schedule) -> Over {
        let unanswered = self.results.unanswered();
        let never_started = unanswered
            .filter(|draft| draft.outcome() == HandInOutcome::Released)
            .map(|draft| draft.fenced());
        Over::Shutdown {
            never_started: never_started.collect(),
            all_ended: !self.attempts.any_live(),
            until: schedule.over_at,
        }
    }

    fn stop_live(&mut self, which: impl Fn(&Attempt) -> bool) {
        let (longest_ms, proof_ms) = self
            .schedule
            .map_or((0, 0), |schedule| (schedule.grace_ms, schedule.proof_ms));
        for (_, attempt) in self.attempts.each_mut() {
            if attempt.is_live() && which(attempt) {
                let grace_ms = attempt.grace_ms.min(longest_ms);
                attempt.stop(Stop {
                    proof_ms,
                    ..Stop::new(Why::Shutdown, grace_ms)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: BootInstant = BootInstant::from_millis(100_000);

    /// When each step is due, in milliseconds from the beginning, and the grace.
    fn steps(drain_ms: u64, longest_grace_ms: u64) -> [u64; 5] {
        let schedule = Schedule::new(NOW, drain_ms, longest_grace_ms);
        [
            schedule.stop_at.ms_since(NOW),
            schedule.grace_ms,
            schedule.stopped_by.ms_since(NOW),
            schedule.told_by.ms_since(NOW),
            schedule.over_at.ms_since(NOW),
        ]
    }

    #[test]
    fn an_orderly_end_fits_into_the_time_to_drain() {
        assert_eq!(steps(10_000, 10_000), [5_000, 3_000, 9_000, 9_500, 10_000]);
        assert_eq!(steps(10_000, 500), [7_500, 500, 9_000, 9_500, 10_000]);
        assert_eq!(steps(4_000, 600_000), [2_000, 1_200, 3_600, 3_800, 4_000]);
        assert_eq!(
            steps(600_000, 10_000),
            [582_000, 10_000, 597_000, 598_500, 600_000]
        );
    }

    #[test]
    fn less_than_two_seconds_are_two_but_the_signal_comes_after_half_of_what_was_said() {
        assert_eq!(steps(1_000, 10_000), [500, 600, 1_800, 1_900, 2_000]);
        assert_eq!(steps(0, 10_000), [0, 600, 1_800, 1_900, 2_000]);
    }
}
