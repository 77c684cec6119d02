//! Queues: what an operator set, and how many executions stand where.

use taskpilot_domain::names::{Namespace, QueueName};
use taskpilot_domain::queue::{QueueChange, QueueCounts, QueueSettings};

/// One queue, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRecord {
    /// Its name.
    pub name: QueueName,
    /// What an operator set.
    pub settings: QueueSettings,
    /// How many executions stand where by themselves, whatever the queue holds back. What has come
    /// due is still scheduled or backing off until its promotion.
    pub counts: QueueCounts,
}

/// A wish to change a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRequest {
    /// Whose world.
    pub namespace: Namespace,
    /// Which queue.
    pub name: QueueName,
    /// What of it.
    pub change: QueueChange,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueOutcome {
    /// Whether the settings are others than before.
    pub changed: bool,
    /// The queue as it is now.
    pub queue: QueueRecord,
}
