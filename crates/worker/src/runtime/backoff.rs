//! Pauses between tries: doubling, with jitter, so that a fleet does not knock in step.

use taskpilot_client::ClientError;

use crate::chance::jittered;
use crate::clock::pause;
use crate::limits::RETRY_MS;

/// The pause before the next try.
#[derive(Debug)]
pub(crate) struct Backoff {
    next_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            next_ms: RETRY_MS.0,
        }
    }
}

impl Backoff {
    /// Waits; the next time twice as long.
    pub(crate) async fn pause(&mut self) {
        pause(self.step()).await;
    }

    /// Waits, and at least as long as the answer asked for (but not for ever).
    pub(crate) async fn pause_after(&mut self, error: &ClientError) {
        let asked_ms = match error {
            ClientError::Refused { retry_after_s, .. } => retry_after_s.unwrap_or(0) * 1_000,
            ClientError::NoAnswer(_) | ClientError::Unreadable { .. } => 0,
        };
        pause(self.step().max(asked_ms.min(RETRY_MS.1))).await;
    }

    /// It worked: the next pause is short again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    fn step(&mut self) -> u64 {
        let bound = self.next_ms;
        self.next_ms = (bound * 2).min(RETRY_MS.1);
        jittered(bound)
    }
}
