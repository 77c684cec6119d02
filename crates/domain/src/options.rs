//! Options of an execution, whole and within their limits.

use serde::{Deserialize, Serialize};

use crate::limits::{
    ATTEMPT_TIMEOUT_MS_MAX, BACKOFF_MAX_MS_MAX, CANCEL_GRACE_MS_DEFAULT, CANCEL_GRACE_MS_MAX,
    MAX_ATTEMPTS_MAX, PRIORITY_MAX, PRIORITY_MIN, SCHEDULE_AHEAD_MS_MAX,
};
use crate::names::QueueName;
use crate::retry::RetryPolicy;
use crate::time::Timestamp;

/// From −10 to 10; higher is claimed first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub i8);

impl Priority {
    /// Takes a rank within its limits.
    ///
    /// The field is public because options are read whole and then checked by
    /// [`ExecutionOptions::validate`]; whoever makes a single rank uses this.
    pub fn new(rank: i8) -> Result<Self, InvalidOption> {
        if (PRIORITY_MIN..=PRIORITY_MAX).contains(&rank) {
            Ok(Self(rank))
        } else {
            Err(InvalidOption::Priority)
        }
    }
}

/// How an execution is to be run. Every field has its value; defaults are filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionOptions {
    /// The queue it waits in.
    pub queue: QueueName,
    /// Its rank within the queue and type.
    pub priority: Priority,
    /// Not before this instant; `None` means at acceptance.
    pub scheduled_for: Option<Timestamp>,
    /// Attempts and the wait between them.
    pub retry: RetryPolicy,
    /// Longest run of one attempt in milliseconds.
    pub attempt_timeout_ms: Option<u64>,
    /// The instant at which the execution fails if it has not ended.
    pub deadline: Option<Timestamp>,
    /// Time from the polite signal of a stop to the kill, in milliseconds.
    pub cancel_grace_ms: u64,
    /// Whether its cancel closes the tree below it.
    pub cancel_children: bool,
}

impl Default for ExecutionOptions {
    fn default() -> Self {
        Self {
            queue: QueueName::default_queue(),
            priority: Priority::default(),
            scheduled_for: None,
            retry: RetryPolicy::default(),
            attempt_timeout_ms: None,
            deadline: None,
            cancel_grace_ms: CANCEL_GRACE_MS_DEFAULT,
            cancel_children: false,
        }
    }
}

/// Which option is out of its limits. The text names the field as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOption {
    /// Not from −10 to 10.
    #[error("priority is a whole number from {PRIORITY_MIN} to {PRIORITY_MAX}")]
    Priority,
    /// Too far ahead.
    #[error("scheduledFor is at most ten years ahead")]
    ScheduledFor,
    /// Not from 1 to 100.
    #[error("maxAttempts is a whole number from 1 to {MAX_ATTEMPTS_MAX}")]
    MaxAttempts,
    /// Bounds out of order.
    #[error("backoff needs initialMs <= maxMs <= {BACKOFF_MAX_MS_MAX} and a factor from 1 to 10")]
    Backoff,
    /// Zero or too long.
    #[error("attemptTimeoutMs is from 1 to {ATTEMPT_TIMEOUT_MS_MAX}")]
    AttemptTimeoutMs,
    /// Passed already, or not after `scheduledFor`.
    #[error("deadline is later than now and than scheduledFor")]
    Deadline,
    /// Too long.
    #[error("cancelGraceMs is at most {CANCEL_GRACE_MS_MAX}")]
    CancelGraceMs,
}

impl InvalidOption {
    /// The name of the field on the wire.
    pub fn field(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::ScheduledFor => "scheduledFor",
            Self::MaxAttempts => "maxAttempts",
            Self::Backoff => "backoff",
            Self::AttemptTimeoutMs => "attemptTimeoutMs",
            Self::Deadline => "deadline",
            Self::CancelGraceMs => "cancelGraceMs",
        }
    }
}

impl ExecutionOptions {
    /// Checks every limit. `scheduledFor` may lie in the past: it is then due at once.
    pub fn validate(&self, now: Timestamp) -> Result<(), InvalidOption> {
        let due = self.scheduled_for.unwrap_or(now);
        let checks = [
            (
                Priority::new(self.priority.0).is_ok(),
                InvalidOption::Priority,
            ),
            (
                due <= now.plus_ms(SCHEDULE_AHEAD_MS_MAX),
                InvalidOption::ScheduledFor,
            ),
            (
                (1..=MAX_ATTEMPTS_MAX).contains(&self.retry.max_attempts),
                InvalidOption::MaxAttempts,
            ),
            (self.retry.backoff.is_valid(), InvalidOption::Backoff),
            (
                self.attempt_timeout_ms
                    .is_none_or(|ms| (1..=ATTEMPT_TIMEOUT_MS_MAX).contains(&ms)),
                InvalidOption::AttemptTimeoutMs,
            ),
            (
                self.deadline.is_none_or(|at| at > now && at > due),
                InvalidOption::Deadline,
            ),
            (
                self.cancel_grace_ms <= CANCEL_GRACE_MS_MAX,
                InvalidOption::CancelGraceMs,
            ),
        ];
        checks
            .into_iter()
            .find(|(holds, _)| !holds)
            .map_or(Ok(()), |(_, broken)| Err(broken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_limits() {
        assert_eq!(ExecutionOptions::default().validate(NOW), Ok(()));
    }

    #[test]
    fn each_limit_names_its_field() {
        let broken = |change: fn(&mut ExecutionOptions)| {
            let mut options = ExecutionOptions::default();
            change(&mut options);
            options.validate(NOW).map_err(InvalidOption::field)
        };
        assert_eq!(broken(|o| o.priority = Priority(11)), Err("priority"));
        assert_eq!(
            broken(|o| o.scheduled_for = Some(NOW.plus_ms(SCHEDULE_AHEAD_MS_MAX + 1))),
            Err("scheduledFor")
        );
        assert_eq!(broken(|o| o.retry.max_attempts = 0), Err("maxAttempts"));
        assert_eq!(
            broken(|o| o.retry.backoff.factor = f64::NAN),
            Err("backoff")
        );
        assert_eq!(
            broken(|o| o.attempt_timeout_ms = Some(0)),
            Err("attemptTimeoutMs")
        );
        assert_eq!(broken(|o| o.deadline = Some(NOW)), Err("deadline"));
        assert_eq!(
            broken(|o| o.cancel_grace_ms = 600_001),
            Err("cancelGraceMs")
        );
    }

    const NOW: Timestamp = Timestamp::EPOCH;
}
