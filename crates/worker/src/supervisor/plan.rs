//! The rules of an end: when the tree is signaled, when killed, and what that is called afterwards.
//!
//! Pure: (what happened, now) in, phase out. The loop in `supervise.rs` does what the phase says.

use taskpilot_domain::stop::How;

use crate::clock::BootInstant;
use crate::spec::Timing;
use crate::wire::EndCause;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was forked.
    Prepared,
    /// The program runs.
    Running,
    /// The tree has SIGTERM and its grace.
    Terminating { grace_end: BootInstant },
    /// The tree is killed until it is empty: the grace is over, or the program ended by itself and
    /// this is what it left behind.
    Killing { stuck_at: Option<BootInstant> },
    /// Nothing is left.
    Over,
}

/// The course of one command.
#[derive(Debug)]
pub(crate) struct Plan {
    phase: Phase,
    cause: Option<EndCause>,
    forked: bool,
    lease_end: BootInstant,
    timing: Timing,
}

impl Plan {
    pub(crate) fn new(lease_end: BootInstant, timing: Timing) -> Self {
        Self {
            phase: Phase::Prepared,
            cause: None,
            forked: false,
            lease_end,
            timing,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn cause(&self) -> Option<EndCause> {
        self.cause
    }

    pub(crate) fn timing(&self) -> Timing {
        self.timing
    }

    pub(crate) fn started(&mut self) {
        self.phase = Phase::Running;
        self.forked = true;
    }

    pub(crate) fn could_not_start(&mut self) {
        self.phase = Phase::Over;
    }

    /// A lease is only ever extended: what arrives late in the pipe must not shorten it.
    pub(crate) fn extend_lease(&mut self, lease_end: BootInstant) {
        self.lease_end = self.lease_end.max(lease_end);
    }

    /// The first cause stands; a later stop can only shorten the grace. After the program's own
    /// end there is nothing to decide any more.
    pub(crate) fn stop(&mut self, cause: EndCause, grace_ms: u64, now: BootInstant) {
        let grace_end = now.plus_ms(grace_ms);
        match &mut self.phase {
            Phase::Prepared => {
                self.cause = Some(cause);
                self.phase = Phase::Over;
            }
            Phase::Running => {
                self.cause = Some(cause);
                self.phase = Phase::Terminating { grace_end };
            }
            Phase::Terminating { grace_end: earlier } => *earlier = grace_end.min(*earlier),
            Phase::Killing { .. } | Phase::Over => {}
        }
        self.tick(now);
    }

    /// The program has ended. Its leftovers get no SIGTERM: a command is over when its program is.
    pub(crate) fn program_ended(&mut self, now: BootInstant) {
        if self.phase == Phase::Running {
            self.kill(now);
        }
    }

    /// `waitpid` answered that there are no children.
    pub(crate) fn emptied(&mut self) {
        if self.forked {
            self.phase = Phase::Over;
        }
    }

    /// Lets time act.
    pub(crate) fn tick(&mut self, now: BootInstant) {
        match self.phase {
            Phase::Prepared | Phase::Running if now >= self.lease_terminate_at() => {
                let grace_ms = self.lease_kill_at().ms_since(now);
                self.stop(EndCause::Lease, grace_ms, now);
            }
            Phase::Terminating { grace_end } if now >= grace_end.min(self.lease_kill_at()) => {
                self.kill(now);
            }
            Phase::Prepared
            | Phase::Running
            | Phase::Terminating { .. }
            | Phase::Killing { .. }
            | Phase::Over => {}
        }
    }

    /// When time will act next.
    pub(crate) fn next_wake(&self) -> Option<BootInstant> {
        match self.phase {
            Phase::Prepared | Phase::Running => Some(self.lease_terminate_at()),
            Phase::Terminating { grace_end } => Some(grace_end.min(self.lease_kill_at())),
            Phase::Killing { stuck_at } => stuck_at,
            Phase::Over => None,
        }
    }

    /// Whether the kill time has passed. True once.
    pub(crate) fn take_stuck(&mut self, now: BootInstant) -> bool {
        if let Phase::Killing { stuck_at } = &mut self.phase {
            return stuck_at.take_if(|at| now >= *at).is_some();
        }
        false
    }

    /// What the end is called, once it is over.
    pub(crate) fn how(&self, something_was_killed: bool) -> How {
        match self.cause {
            _ if !self.forked => How::NeverStarted,
            None => How::Finished,
            Some(_) if something_was_killed => How::Killed,
            Some(_) => How::Terminated,
        }
    }

    fn kill(&mut self, now: BootInstant) {
        self.phase = Phase::Killing {
            stuck_at: Some(now.plus_ms(self.timing.kill_ms)),
        };
    }

    fn lease_terminate_at(&self) -> BootInstant {
        self.lease_end
            .minus_ms(self.timing.lease_terminate_margin_ms)
    }

    fn lease_kill_at(&self) -> BootInstant {
        self.lease_end.minus_ms(self.timing.lease_kill_margin_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE_END: BootInstant = at(30_000);

    #[test]
    fn a_lapsing_lease_signals_at_ten_and_kills_at_five_seconds_before_its_end() {
        let mut plan = running();
        assert_eq!(plan.next_wake(), Some(at(20_000)));
        plan.tick(at(19_999));
        assert_eq!(plan.phase(), Phase::Running);
        plan.tick(at(20_000));
        assert_eq!(
            plan.phase(),
            Phase::Terminating {
                grace_end: at(25_000)
            }
        );
        assert_eq!(plan.cause(), Some(EndCause::Lease));
        plan.tick(at(25_000));
        assert_eq!(
            plan.phase(),
            Phase::Killing {
                stuck_at: Some(at(30_000))
            }
        );
    }

    #[test]
    fn a_long_grace_does_not_outlive_the_lease() {
        let mut plan = running();
        plan.stop(EndCause::Order, 600_000, at(1_000));
        assert_eq!(plan.next_wake(), Some(at(25_000)));
        plan.extend_lease(at(60_000));
        assert_eq!(plan.next_wake(), Some(at(55_000)));
        assert_eq!(plan.cause(), Some(EndCause::Order));
    }

    #[test]
    fn a_lease_is_never_shortened_and_a_grace_never_lengthened() {
        let mut plan = running();
        plan.extend_lease(at(10_000));
        assert_eq!(plan.next_wake(), Some(at(20_000)));
        plan.stop(EndCause::Order, 2_000, at(1_000));
        plan.stop(EndCause::WorkerGone, 9_000, at(1_000));
        assert_eq!(
            plan.phase(),
            Phase::Terminating {
                grace_end: at(3_000)
            }
        );
        assert_eq!(plan.cause(), Some(EndCause::Order));
        plan.stop(EndCause::Order, 0, at(1_500));
        assert_eq!(
            plan.phase(),
            Phase::Killing {
                stuck_at: Some(at(6_500))
            }
        );
    }

    #[test]
    fn a_stop_before_the_start_is_the_end() {
        let mut plan = Plan::new(LEASE_END, Timing::default());
        plan.emptied();
        assert_eq!(plan.phase(), Phase::Prepared);
        plan.stop(EndCause::Order, 1_000, at(0));
        assert_eq!(plan.phase(), Phase::Over);
        assert_eq!(plan.how(false), How::NeverStarted);
    }

    #[test]
    fn leftovers_of_an_own_end_are_killed_and_it_stays_an_own_end() {
        let mut plan = running();
        plan.program_ended(at(1_000));
        plan.stop(EndCause::Order, 1_000, at(1_001));
        assert_eq!(
            plan.phase(),
            Phase::Killing {
                stuck_at: Some(at(6_000))
            }
        );
        assert!(plan.take_stuck(at(6_000)));
        assert!(!plan.take_stuck(at(6_001)), "it is told once");
        plan.emptied();
        assert_eq!((plan.phase(), plan.how(true)), (Phase::Over, How::Finished));
    }

    fn running() -> Plan {
        let mut plan = Plan::new(LEASE_END, Timing::default());
        plan.started();
        plan
    }

    const fn at(millis: u64) -> BootInstant {
        BootInstant::from_millis(millis)
    }
}
