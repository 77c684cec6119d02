//! The part of a scheduler's store that decides for many executions at once.

use async_trait::async_trait;
use taskpilot_domain::time::Timestamp;

use crate::StoreError;
use crate::rows::cancels::{CancelBatch, CanceledBatch};

/// Work upon many executions, which never holds up what is asked about one.
#[async_trait]
pub trait BulkStore: Send + Sync {
    /// Decides cancels of many in one transaction, of class background. The state of each is held
    /// against the wanted ones in that very transaction, and an expected reference before it.
    ///
    /// A repeat of a batch that was decided answers what the first one did, as far as that can be
    /// told: see [`CancelBatch::since`]. An unconfirmed order of a stop is sent again.
    async fn cancel_batch(
        &self,
        now: Timestamp,
        batch: CancelBatch,
    ) -> Result<CanceledBatch, StoreError>;
}
