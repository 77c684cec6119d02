//! What a scheduler's store has counted of latencies.

use std::collections::BTreeMap;

use async_trait::async_trait;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::stop::StopStatus;

use crate::StoreError;
use crate::rows::latency::{LatencyFilter, StopLatency, StopTotal};

/// The part of a scheduler's store that counts how long things take.
///
/// Each stage of a stop is counted once, in the transaction that learns of it, in the minute of that
/// commit. Counts by the minute are kept as long as history is, totals for ever.
#[async_trait]
pub trait LatencyStore: Send + Sync {
    /// Adds up the counts of a time: by type, stage and bucket, in this order. Its cost grows with the
    /// minutes and types in that time, not with the stops.
    async fn list_stop_latencies(
        &self,
        namespace: &Namespace,
        filter: LatencyFilter,
    ) -> Result<Vec<StopLatency>, StoreError>;

    /// All that was ever counted, of all namespaces: the first `limit` types of a namespace for
    /// themselves, in the order in which they were first counted, and the rest together behind them.
    /// What was told once is told for ever, and no count falls. Its cost grows with types and buckets,
    /// with neither stops nor time.
    async fn total_stop_latencies(&self, limit: usize) -> Result<Vec<StopTotal>, StoreError>;

    /// How many stops of all namespaces stand where, of those that are neither settled nor released.
    /// Its cost grows with these.
    async fn count_open_stops(&self) -> Result<BTreeMap<StopStatus, u64>, StoreError>;
}
