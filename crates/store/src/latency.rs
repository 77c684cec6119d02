//! What a scheduler's store has counted of latencies.

use async_trait::async_trait;
use taskpilot_domain::names::Namespace;

use crate::StoreError;
use crate::rows::latency::{LatencyFilter, StopLatency};

/// The part of a scheduler's store that counts how long things take.
///
/// Each stage of a stop is counted once, in the transaction that learns of it, in the minute of that
/// commit. Counts are kept as long as history is.
#[async_trait]
pub trait LatencyStore: Send + Sync {
    /// Adds up the counts of a time: by type, stage and bucket, in this order. Its cost grows with the
    /// minutes and types in that time, not with the stops.
    async fn list_stop_latencies(
        &self,
        namespace: &Namespace,
        filter: LatencyFilter,
    ) -> Result<Vec<StopLatency>, StoreError>;
}
