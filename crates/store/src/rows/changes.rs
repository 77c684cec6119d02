//! What changed in a commit, for those who wait for it.

use taskpilot_domain::ids::{ExecutionId, SessionId};
use taskpilot_domain::names::{Namespace, QueueName, TaskType};

/// Something that a waiter may wait for. A hint: the truth is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An execution became claimable.
    Ready {
        /// Whose.
        namespace: Namespace,
        /// Where.
        queue: QueueName,
        /// For which handler.
        kind: TaskType,
    },
    /// A session has an order it has not confirmed.
    Orders(SessionId),
    /// An execution changed its state or its stop moved.
    Execution(ExecutionId),
}
