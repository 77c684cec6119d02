//! What the system itself says about an ending that no handler reported.

use super::event::Event;
use super::transition::{AttemptEnd, Transition};

/// An error of the system's own, as it is kept as `lastError`. Its code never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptErrorText {
    /// For programs: stable, `snake_case`.
    pub code: &'static str,
    /// For people.
    pub message: &'static str,
}

impl AttemptErrorText {
    /// Every error that the system itself gives.
    pub const ALL: [Self; 5] = [
        Self::WORKER_GONE,
        Self::LEASE_EXPIRED,
        Self::ATTEMPT_TIMED_OUT,
        Self::DEADLINE_EXCEEDED,
        Self::TOO_MANY_INTERRUPTIONS,
    ];

    const WORKER_GONE: Self = Self {
        code: "worker_gone",
        message: "the worker went away with the attempt still open",
    };
    const LEASE_EXPIRED: Self = Self {
        code: "lease_expired",
        message: "the worker was not heard from before its lease ended",
    };
    const ATTEMPT_TIMED_OUT: Self = Self {
        code: "attempt_timed_out",
        message: "the attempt ran longer than its timeout",
    };
    const DEADLINE_EXCEEDED: Self = Self {
        code: "deadline_exceeded",
        message: "the deadline passed before the execution ended",
    };
    const TOO_MANY_INTERRUPTIONS: Self = Self {
        code: "too_many_interruptions",
        message: "workers returned or interrupted the execution too often",
    };
}

impl Event {
    /// The error that this event is when it ends something; `None` where a handler reports its
    /// own, or where the ending is no error. [`Transition::error`] knows one more.
    pub fn error(self) -> Option<AttemptErrorText> {
        match self {
            Self::WorkerGone => Some(AttemptErrorText::WORKER_GONE),
            Self::LeaseExpired => Some(AttemptErrorText::LEASE_EXPIRED),
            Self::AttemptTimedOut => Some(AttemptErrorText::ATTEMPT_TIMED_OUT),
            Self::DeadlinePassed => Some(AttemptErrorText::DEADLINE_EXCEEDED),
            Self::Claimed
            | Self::Succeeded(_)
            | Self::AttemptFailed { .. }
            | Self::Released(_)
            | Self::Interrupted(_)
            | Self::CancelRequested(_) => None,
        }
    }
}

impl Transition {
    /// The error that the system writes with this change, which `event` brought about.
    ///
    /// Beyond [`Event::error`] it sees the uncounted ending that was one too many.
    pub fn error(&self, event: Event) -> Option<AttemptErrorText> {
        match self.ended {
            Some(AttemptEnd::Released | AttemptEnd::Interrupted) => self
                .next
                .state
                .is_final()
                .then_some(AttemptErrorText::TOO_MANY_INTERRUPTIONS),
            None
            | Some(
                AttemptEnd::Succeeded
                | AttemptEnd::Failed
                | AttemptEnd::Lost
                | AttemptEnd::TimedOut
                | AttemptEnd::DeadlineExceeded
                | AttemptEnd::Canceled,
            ) => event.error(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ERROR_CODE_CHARS_MAX, ERROR_MESSAGE_CHARS_MAX};

    #[test]
    fn the_codes_are_the_ones_that_were_promised() {
        let codes = AttemptErrorText::ALL.map(|error| error.code);
        assert_eq!(
            codes,
            [
                "worker_gone",
                "lease_expired",
                "attempt_timed_out",
                "deadline_exceeded",
                "too_many_interruptions",
            ]
        );
        for error in AttemptErrorText::ALL {
            assert!(error.code.len() <= ERROR_CODE_CHARS_MAX);
            assert!(error.message.len() <= ERROR_MESSAGE_CHARS_MAX);
        }
    }
}
