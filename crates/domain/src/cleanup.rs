//! Cleanup: what is owed for an execution that was canceled, where a handler declared it.
//!
//! A cleanup is an execution of its own, with attempts, leases and stops like any other. It is written
//! with the verdict of the one that was canceled, so there is exactly one, and it is not claimable
//! before the last stop of that one is settled or released.

use crate::execution::Standing;
use crate::limits::{ATTEMPT_TIMEOUT_MS_MAX, MAX_ATTEMPTS_MAX, PRIORITY_MAX};
use crate::names::QueueName;
use crate::options::{ExecutionOptions, Priority};
use crate::retry::RetryPolicy;
use crate::time::Timestamp;

/// How a cleanup may run, as the worker declares it that has the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CleanupTerms {
    timeout_ms: u64,
    max_attempts: u32,
}

/// Which of the terms is out of its limits. The text names the field as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTerms {
    /// Zero or too long.
    #[error("timeoutMs is from 1 to {ATTEMPT_TIMEOUT_MS_MAX}")]
    TimeoutMs,
    /// Not from 1 to 100.
    #[error("maxAttempts is a whole number from 1 to {MAX_ATTEMPTS_MAX}")]
    MaxAttempts,
}

impl InvalidTerms {
    /// The name of the field on the wire.
    pub fn field(self) -> &'static str {
        match self {
            Self::TimeoutMs => "timeoutMs",
            Self::MaxAttempts => "maxAttempts",
        }
    }
}

impl CleanupTerms {
    /// Takes terms within their limits: the longest run of one attempt in milliseconds, from 1 to thirty
    /// days, and the counted attempts, from 1 to 100.
    pub fn new(timeout_ms: u64, max_attempts: u32) -> Result<Self, InvalidTerms> {
        if !(1..=ATTEMPT_TIMEOUT_MS_MAX).contains(&timeout_ms) {
            return Err(InvalidTerms::TimeoutMs);
        }
        if !(1..=MAX_ATTEMPTS_MAX).contains(&max_attempts) {
            return Err(InvalidTerms::MaxAttempts);
        }
        Ok(Self {
            timeout_ms,
            max_attempts,
        })
    }

    /// Longest run of one attempt in milliseconds.
    pub fn timeout_ms(self) -> u64 {
        self.timeout_ms
    }

    /// Counted attempts that it may have.
    pub fn max_attempts(self) -> u32 {
        self.max_attempts
    }
}

/// The cleanup that is owed from the verdict on: due at once, before everything else of its queue and
/// type, and held back while `stop_unproven` says that work of the canceled execution may still run.
///
/// It has no deadline: what is owed does not lapse because no worker is there.
pub fn owed(
    terms: CleanupTerms,
    queue: QueueName,
    stop_unproven: bool,
    now: Timestamp,
) -> (Standing, ExecutionOptions) {
    let options = ExecutionOptions {
        queue,
        priority: Priority(PRIORITY_MAX),
        scheduled_for: Some(now),
        retry: RetryPolicy {
            max_attempts: terms.max_attempts,
            ..RetryPolicy::default()
        },
        attempt_timeout_ms: Some(terms.timeout_ms),
        ..ExecutionOptions::default()
    };
    let standing = Standing {
        stop_unproven,
        ..Standing::accepted(now, options.retry)
    };
    (standing, options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::Phase;

    #[test]
    fn terms_keep_their_limits() {
        assert!(CleanupTerms::new(1, 1).is_ok());
        assert!(CleanupTerms::new(ATTEMPT_TIMEOUT_MS_MAX, MAX_ATTEMPTS_MAX).is_ok());
        let wrong = |timeout_ms, max_attempts| {
            CleanupTerms::new(timeout_ms, max_attempts).map_err(InvalidTerms::field)
        };
        assert_eq!(wrong(0, 1), Err("timeoutMs"));
        assert_eq!(wrong(ATTEMPT_TIMEOUT_MS_MAX + 1, 1), Err("timeoutMs"));
        assert_eq!(wrong(1, 0), Err("maxAttempts"));
        assert_eq!(wrong(1, MAX_ATTEMPTS_MAX + 1), Err("maxAttempts"));
    }

    #[test]
    fn a_cleanup_waits_for_the_stop_and_for_nothing_else() {
        let terms = CleanupTerms::new(7, 5).unwrap();
        let owed = |unproven| owed(terms, QueueName::default_queue(), unproven, NOW);
        let (held, options) = owed(true);
        assert_eq!(held.phase(NOW), Some(Phase::Blocked));
        assert_eq!(owed(false).0.phase(NOW), Some(Phase::Ready));
        assert_eq!(held.policy.max_attempts, 5);
        assert_eq!(options.attempt_timeout_ms, Some(7));
        assert_eq!((options.deadline, options.validate(NOW)), (None, Ok(())));
    }

    const NOW: Timestamp = Timestamp::EPOCH;
}
