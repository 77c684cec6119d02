//! Retry policy: how many counted attempts, and how long to wait between them.

use serde::{Deserialize, Serialize};

use crate::limits::{
    BACKOFF_FACTOR_DEFAULT, BACKOFF_FACTOR_MAX, BACKOFF_INITIAL_MS_DEFAULT, BACKOFF_MAX_MS_DEFAULT,
    BACKOFF_MAX_MS_MAX,
};

/// A uniform draw over all 64-bit numbers, made by the caller: `domain` has no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(pub u64);

impl Jitter {
    /// The `n`-th draw that follows from this one, for the rows of a batch.
    ///
    /// `SplitMix64` (G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators",
    /// OOPSLA 2014).
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        let mut mixed = self
            .0
            .wrapping_add(n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(mixed ^ (mixed >> 31))
    }
}

/// Exponential back-off with full jitter.
///
/// "Full jitter" is the uniform draw between 0 and the exponential bound (M. Brooker, "Exponential
/// Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backoff {
    /// Bound after the first failed attempt, in milliseconds.
    pub initial_ms: u64,
    /// Largest bound, in milliseconds.
    pub max_ms: u64,
    /// Growth of the bound per attempt, 1 to 10.
    pub factor: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial_ms: BACKOFF_INITIAL_MS_DEFAULT,
            max_ms: BACKOFF_MAX_MS_DEFAULT,
            factor: BACKOFF_FACTOR_DEFAULT,
        }
    }
}

impl Backoff {
    /// Whether the bounds are in order: `initial_ms` ≤ `max_ms` ≤ one day, `factor` from 1 to 10.
    pub fn is_valid(&self) -> bool {
        self.initial_ms <= self.max_ms
            && self.max_ms <= BACKOFF_MAX_MS_MAX
            && (1.0..=BACKOFF_FACTOR_MAX).contains(&self.factor)
    }

    /// The wait in milliseconds after the `failed`-th counted attempt (1 for the first).
    pub fn delay_ms(&self, failed: u32, jitter: Jitter) -> u64 {
        let bound = self.bound_ms(failed);
        // Multiply-shift maps the draw to 0..=bound without a division's bias.
        let scaled = (u128::from(jitter.0) * (u128::from(bound) + 1)) >> 64;
        u64::try_from(scaled).unwrap_or(bound)
    }

    /// The longest wait after the `failed`-th counted attempt.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds below one day are exact in a double and never negative"
    )]
    pub fn bound_ms(&self, failed: u32) -> u64 {
        let exponent = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.initial_ms as f64 * self.factor.powi(exponent);
        if grown >= self.max_ms as f64 {
            self.max_ms
        } else {
            grown as u64
        }
    }
}

/// What decides whether a failed attempt is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Counted attempts, at least 1.
    pub max_attempts: u32,
    /// Wait between them.
    pub backoff: Backoff,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: crate::limits::MAX_ATTEMPTS_DEFAULT,
            backoff: Backoff::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_grows_to_its_maximum_and_stays() {
        let backoff = Backoff {
            initial_ms: 100,
            max_ms: 1_000,
            factor: 2.0,
        };
        let bounds: Vec<u64> = (1..=6).map(|failed| backoff.bound_ms(failed)).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(backoff.bound_ms(u32::MAX), 1_000);
    }

    #[test]
    fn the_draw_reaches_both_ends_of_the_bound() {
        let backoff = Backoff {
            initial_ms: 100,
            max_ms: 1_000,
            factor: 2.0,
        };
        assert_eq!(backoff.delay_ms(2, Jitter(0)), 0);
        assert_eq!(backoff.delay_ms(2, Jitter(u64::MAX)), 200);
    }
}
