//! Retention: how long what is final is kept, and what outlives it.

use crate::execution::State;
use crate::limits::{HISTORY_DAYS_MIN, HISTORY_MS_DEFAULT, KEYS_KEPT_MS, KEYS_MARGIN_MS};
use crate::time::Timestamp;

const DAY_MS: u64 = 86_400_000;

/// How long the history of executions is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Milliseconds from the end of an execution on.
    pub history_ms: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            history_ms: HISTORY_MS_DEFAULT,
        }
    }
}

/// What retention has to know of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// Its state.
    pub state: State,
    /// When it came into it.
    pub since: Timestamp,
    /// Whether some stop of it is unproven.
    pub has_open_stop: bool,
    /// Whether children of it are kept.
    pub has_children: bool,
    /// Whether its cleanup has not ended, and may still ask what it is for.
    pub owes_cleanup: bool,
}

impl Retention {
    /// What ended before this instant may go. Nothing that was accepted later can have.
    pub fn horizon(self, now: Timestamp) -> Timestamp {
        now.minus_ms(self.history_ms)
    }

    /// Whether an execution is forgotten: final for so long, nobody owes the proof of a stop or a cleanup,
    /// and it has no children that say who their parent is.
    pub fn forgets(self, now: Timestamp, past: Past) -> bool {
        let is_needed = past.has_open_stop || past.has_children || past.owes_cleanup;
        past.state.is_final() && past.since < self.horizon(now) && !is_needed
    }

    /// Worker sessions that ended before this instant may go: a little after the last executions
    /// that they worked on.
    pub fn sessions_horizon(self, now: Timestamp) -> Timestamp {
        self.horizon(now).minus_ms(KEYS_MARGIN_MS)
    }
}

/// Whether an execution that was accepted at `since` or later may be forgotten by now, for all that one
/// knows who was not told how long its history is kept.
pub fn may_be_forgotten(now: Timestamp, since: Timestamp) -> bool {
    let shortest = Retention {
        history_ms: HISTORY_DAYS_MIN * DAY_MS,
    };
    since < shortest.horizon(now)
}

/// Until when a key is kept at least that was first seen at `seen_at`.
///
/// A create with an older key that tells its age is refused. The margin is for a caller whose clock
/// goes ahead of ours: its key says that it is younger than it is here.
pub fn key_kept_until(seen_at: Timestamp) -> Timestamp {
    seen_at.plus_ms(KEYS_KEPT_MS).plus_ms(KEYS_MARGIN_MS)
}

/// Keys that were first seen before this instant are kept no longer.
pub fn keys_horizon(now: Timestamp) -> Timestamp {
    now.minus_ms(KEYS_KEPT_MS).minus_ms(KEYS_MARGIN_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_final_for_long_and_needed_by_nobody_is_forgotten() {
        let now = Timestamp::EPOCH.plus_ms(100 * DAY_MS);
        let retention = Retention {
            history_ms: 10 * DAY_MS,
        };
        let horizon = Timestamp::EPOCH.plus_ms(90 * DAY_MS);
        let before = horizon.minus_ms(1);
        for state in State::ALL {
            for (since, [has_open_stop, has_children, owes_cleanup]) in [
                (before, [false, false, false]),
                (before, [true, false, false]),
                (before, [false, true, false]),
                (before, [false, false, true]),
                (horizon, [false, false, false]),
                (now, [false, false, false]),
            ] {
                let past = Past {
                    state,
                    since,
                    has_open_stop,
                    has_children,
                    owes_cleanup,
                };
                let ended = matches!(state, State::Succeeded | State::Failed | State::Canceled);
                let is_needed = has_open_stop || has_children || owes_cleanup;
                let expected = ended && since == before && !is_needed;
                assert_eq!(retention.forgets(now, past), expected, "{past:?}");
            }
        }
    }

    #[test]
    fn what_is_a_day_old_may_be_forgotten() {
        let since = Timestamp::EPOCH.plus_ms(DAY_MS);
        assert!(!may_be_forgotten(since.plus_ms(DAY_MS), since));
        assert!(may_be_forgotten(since.plus_ms(DAY_MS + 1), since));
    }

    #[test]
    fn a_key_is_kept_for_thirty_days_and_a_margin() {
        let seen = Timestamp::EPOCH.plus_ms(100 * DAY_MS);
        assert_eq!(key_kept_until(seen).ms_since(seen), 31 * DAY_MS);
        assert_eq!(keys_horizon(key_kept_until(seen)), seen);
    }
}
