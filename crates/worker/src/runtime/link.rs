//! What every loop of a session has: the scheduler, the session, the way to the dispatcher.

use std::sync::Arc;
use std::time::Duration;

use taskpilot_api::workers::Registered;
use taskpilot_client::ClientError;
use taskpilot_client::transport::{NoAnswer, Policy};
use taskpilot_client::workers::WorkersClient;
use taskpilot_fault::Struck;
use tokio::sync::mpsc;

use super::messages::Message;

/// The ends that a loop holds.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) client: WorkersClient,
    pub(crate) session: Arc<Registered>,
    pub(crate) inbox: mpsc::Sender<Message>,
}

impl Link {
    /// Waits for room. Without a dispatcher nobody wants to know.
    pub(crate) async fn tell(&self, message: Message) {
        let _ = self.inbox.send(message).await;
    }
}

/// What a call that failed means for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The session has ended, or the scheduler never heard of it.
    Gone,
    /// This call will never be accepted.
    Refused,
    /// Another try may help.
    Away,
}

impl Trouble {
    pub(crate) fn of(error: &ClientError) -> Self {
        match error.status().map(|status| status.as_u16()) {
            Some(404 | 410) => Self::Gone,
            Some(408 | 425 | 429) => Self::Away,
            Some(400..=499) => Self::Refused,
            Some(_) | None => Self::Away,
        }
    }
}

/// What a loop sees of a call that a test cuts off.
pub(crate) fn cut(struck: Struck) -> ClientError {
    NoAnswer::cut(struck.is_done()).into()
}

/// How long the calls of a session may take. The loops repeat them; a try that hangs must not
/// cost the lease.
pub(crate) fn policy(lease_ms: u64) -> Policy {
    let attempt = Duration::from_millis((lease_ms / 4).clamp(500, 2_000));
    Policy {
        connect: attempt,
        attempt,
        overall: attempt,
        tries: 1,
    }
}
