//! A generator of its own: the same rolls on every machine.

use taskpilot_domain::retry::Jitter;
use taskpilot_domain::time::Timestamp;

use super::words::{hasty, job_with};
use crate::rows::executions::NewExecution;

/// What a seed decides, roll by roll.
pub(super) struct Dice {
    seed: Jitter,
    rolled: u64,
}

impl Dice {
    pub(super) fn of(seed: u64) -> Self {
        Self {
            seed: Jitter(seed),
            rolled: 0,
        }
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.rolled += 1;
        self.seed.nth(self.rolled).0
    }

    /// A number from 0 to `bound` − 1.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// An index into a slice of `len` items.
    pub(super) fn index(&mut self, len: usize) -> usize {
        let bound = u64::try_from(len).expect("few");
        usize::try_from(self.below(bound)).expect("few")
    }

    /// An execution with options of every kind.
    pub(super) fn execution(&mut self, now: Timestamp) -> NewExecution {
        let max_attempts = u32::try_from(1 + self.below(4)).expect("few");
        let mut new = if self.below(2) == 0 {
            hasty(max_attempts)
        } else {
            job_with(|job| job.options.retry.max_attempts = max_attempts)
        };
        let options = &mut new.options;
        options.priority.0 = i8::try_from(self.below(21)).expect("few") - 10;
        if self.below(4) == 0 {
            options.scheduled_for = Some(now.plus_ms(self.below(8_000)));
        }
        if self.below(4) == 0 {
            options.attempt_timeout_ms = Some(1 + self.below(9_000));
        }
        if self.below(6) == 0 {
            options.deadline = Some(now.plus_ms(8_001 + self.below(60_000)));
        }
        options.cancel_grace_ms = self.below(12_000);
        new
    }
}
