//! The queues of a scheduler's store, for those who look after them.

use async_trait::async_trait;
use taskpilot_domain::names::{Namespace, QueueName};
use taskpilot_domain::time::Timestamp;

use crate::StoreError;
use crate::rows::queues::{QueueOutcome, QueueRecord, QueueRequest};

/// The part of a scheduler's store that is about queues as such.
///
/// What a queue may hold is respected in the transaction of each claim, over all claims of a batch:
/// a paused queue grants nothing, a limited one never holds more by a grant than its limit. An
/// attempt is held from its claim until it has ended and its stop, if it has one, is proven, presumed
/// or released by an operator. Nothing that runs is ended by a change.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Lists the queues of a namespace by name, those after a name where there is one, at most
    /// `limit`, in one snapshot. Its cost does not grow with the executions in them.
    async fn list_queues(
        &self,
        namespace: &Namespace,
        after: Option<QueueName>,
        limit: u32,
    ) -> Result<Vec<QueueRecord>, StoreError>;

    /// Changes a queue; one that was never seen begins to be. What becomes claimable by it is told
    /// in the changes.
    async fn change_queue(
        &self,
        now: Timestamp,
        request: QueueRequest,
    ) -> Result<QueueOutcome, StoreError>;
}
