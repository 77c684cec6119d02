//! Passes a renewed lease on to what runs, a few at a time.
//!
//! Each is a process that wakes for it. A thousand that wake together keep the processors from
//! signaling a stop for as long as that takes; spread over half a heartbeat nobody notices them.

use std::collections::{HashSet, VecDeque};

use taskpilot_api::workers::FencedAttempt;

use super::dispatcher::Dispatcher;
use crate::clock::BootInstant;
use crate::limits::{FED_AT_ONCE_MIN, FEED_PAUSE_MS};

/// Who is still to be told of the lease.
#[derive(Debug)]
pub(super) struct Feeding {
    heartbeat_ms: u64,
    hungry: VecDeque<FencedAttempt>,
    at_once: usize,
    /// When the next ones are told.
    next: BootInstant,
    /// The end of the lease when a round last began.
    told: BootInstant,
}

impl Feeding {
    pub(super) fn new(heartbeat_ms: u64, lease_end: BootInstant) -> Self {
        Self {
            heartbeat_ms,
            hungry: VecDeque::new(),
            at_once: FED_AT_ONCE_MIN,
            next: lease_end,
            told: lease_end,
        }
    }

    /// When there is somebody to be told.
    pub(super) fn due(&self) -> Option<BootInstant> {
        (!self.hungry.is_empty()).then_some(self.next)
    }

    /// A round for these, behind those whom the last one has not reached. A claim's answer moves the
    /// end by a millisecond or two, which is worth no round.
    fn begin(
        &mut self,
        live: impl Iterator<Item = FencedAttempt>,
        lease_end: BootInstant,
        now: BootInstant,
    ) {
        if lease_end.ms_since(self.told) < self.heartbeat_ms / 4 {
            return;
        }
        let left: HashSet<FencedAttempt> = self.hungry.iter().copied().collect();
        self.hungry.extend(live.filter(|one| !left.contains(one)));
        let rounds = (self.heartbeat_ms / 2 / FEED_PAUSE_MS).max(1);
        let rounds = usize::try_from(rounds).unwrap_or(usize::MAX);
        self.at_once = self.hungry.len().div_ceil(rounds).max(FED_AT_ONCE_MIN);
        self.told = lease_end;
        self.next = now;
    }

    /// Who is told now.
    fn take(&mut self, now: BootInstant) -> Vec<FencedAttempt> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now.plus_ms(FEED_PAUSE_MS);
        let count = self.at_once.min(self.hungry.len());
        self.hungry.drain(..count).collect()
    }
}

impl Dispatcher {
    /// A lease that was counted from before its renewal was sent ends no later than the
    /// scheduler's. An earlier end than the one known is no news.
    pub(super) fn extend_lease(&mut self, lease_end: BootInstant) {
        if lease_end <= self.lease_end {
            return;
        }
        self.lease_end = lease_end;
        let live = self.attempts.live().map(|(fenced, _)| fenced);
        self.feeding.begin(live, lease_end, BootInstant::now());
    }

    /// Tells those whose turn it is.
    pub(super) fn feed(&mut self, now: BootInstant) {
        for fenced in self.feeding.take(now) {
            if let Some(attempt) = self.attempts.get_mut(fenced) {
                attempt.extend_lease(self.lease_end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};

    use super::*;

    fn at(millis: u64) -> BootInstant {
        BootInstant::from_millis(millis)
    }

    fn attempts(ids: std::ops::RangeInclusive<i64>) -> impl Iterator<Item = FencedAttempt> {
        ids.map(|id| FencedAttempt {
            execution_id: ExecutionId::new(id).unwrap(),
            attempt: AttemptNumber(1),
            token: Token::from_bytes([1; 16]),
        })
    }

    /// When everybody has been told, and whom in which order.
    fn to_its_end(feeding: &mut Feeding) -> (u64, Vec<i64>) {
        let (mut now, mut told) = (BootInstant::default(), Vec::new());
        while let Some(due) = feeding.due() {
            now = due;
            let portion = feeding.take(now);
            told.extend(portion.iter().map(|one| one.execution_id.get()));
        }
        (now.as_millis(), told)
    }

    #[test]
    fn many_are_told_within_half_a_heartbeat_and_not_together() {
        let mut feeding = Feeding::new(5_000, at(30_000));
        feeding.begin(attempts(1..=10_000), at(35_000), at(5_000));
        assert_eq!(feeding.take(at(5_000)).len(), 40);
        assert!(feeding.take(at(5_001)).is_empty(), "not yet");
        let (end, told) = to_its_end(&mut feeding);
        assert!((7_000..=7_500).contains(&end), "{end}");
        assert_eq!(told.len(), 9_960);
    }

    #[test]
    fn few_are_told_at_once() {
        let mut feeding = Feeding::new(5_000, at(30_000));
        feeding.begin(attempts(1..=3), at(35_000), at(5_000));
        assert_eq!(to_its_end(&mut feeding), (5_000, vec![1, 2, 3]));
    }

    #[test]
    fn a_new_round_begins_with_those_whom_the_last_one_has_not_reached() {
        let mut feeding = Feeding::new(100, at(1_000));
        feeding.begin(attempts(1..=20), at(1_100), at(0));
        assert_eq!(feeding.take(at(0)).len(), 4);
        feeding.begin(attempts(1..=20), at(1_200), at(5));
        let (_, told) = to_its_end(&mut feeding);
        assert_eq!(told, (5..=20).chain(1..=4).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_hardly_later_is_worth_no_round() {
        let mut feeding = Feeding::new(5_000, at(30_000));
        feeding.begin(attempts(1..=20), at(30_002), at(0));
        assert_eq!(feeding.due(), None);
        feeding.begin(attempts(1..=20), at(31_250), at(2));
        assert_eq!(feeding.due(), Some(at(2)), "small steps add up");
    }
}
