//! A retry budget: further tries are a bounded share of all calls, so that retries never turn the
//! trouble of a server into a flood.

use std::sync::Mutex;

use tokio::time::Instant;

use crate::pace::now;

/// Further tries per call, in hundredths: one in five (Finagle's default).
const SHARE_PERCENT: f64 = 20.0;
/// Further tries per second that are always allowed.
const FLOOR_PER_SECOND: f64 = 10.0;
/// The most that is saved up: ten seconds of the floor.
const SAVED_MAX: f64 = 100.0;

/// Tokens for further tries.
#[derive(Debug)]
pub(crate) struct RetryBudget(Mutex<Savings>);

#[derive(Debug)]
struct Savings {
    tokens: f64,
    at: Instant,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Mutex::new(Savings {
            tokens: SAVED_MAX,
            at: now(),
        }))
    }
}

impl RetryBudget {
    /// Counts one call.
    pub(crate) fn deposit(&self) {
        self.change(|savings| savings.tokens += SHARE_PERCENT / 100.0);
    }

    /// Takes one further try; `false` when none is left.
    pub(crate) fn withdraw(&self) -> bool {
        self.change(|savings| {
            let enough = savings.tokens >= 1.0;
            if enough {
                savings.tokens -= 1.0;
            }
            enough
        })
    }

    fn change<T>(&self, act: impl FnOnce(&mut Savings) -> T) -> T {
        let mut savings = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = now();
        let earned = now.duration_since(savings.at).as_secs_f64() * FLOOR_PER_SECOND;
        savings.at = now;
        savings.tokens = (savings.tokens + earned).min(SAVED_MAX);
        act(&mut savings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tries_run_out_and_come_back_with_calls_and_time() {
        let budget = RetryBudget::default();
        let taken = std::iter::repeat_with(|| budget.withdraw())
            .take_while(|taken| *taken)
            .count();
        assert_eq!(taken, 100);
        (0..5).for_each(|_| budget.deposit());
        assert!(budget.withdraw());
        assert!(!budget.withdraw());
        tokio::time::advance(std::time::Duration::from_millis(150)).await;
        assert!(budget.withdraw());
    }
}
