//! Trees of executions, which are canceled together.

use async_trait::async_trait;
use taskpilot_domain::time::Timestamp;

use crate::StoreError;
use crate::scheduler::Tick;

/// The part of a scheduler's store that is about parents and children.
///
/// A cancel that cascades closes the tree below its execution in the transaction of the verdict: no
/// execution below is granted after it, and one that is created below is born canceled. Only what has
/// ended as CANCELED can be closed, now or by a repeat; a closed tree stays so, and its first word
/// stands. Those below that live are decided afterwards, slice by slice, each as a cancel of its own
/// with the cause PARENT and with the actor and the reason of whoever closed the tree.
///
/// Nothing of an execution is forgotten while it has children that are not.
#[async_trait]
pub trait FamilyStore: Send + Sync {
    /// Decides executions below closed trees, and looks at no more than `limit` of them. It finds what is
    /// left in the store: after a crash it goes on where it was.
    async fn decide_descendants(&self, now: Timestamp, limit: u32) -> Result<Tick, StoreError>;
}
