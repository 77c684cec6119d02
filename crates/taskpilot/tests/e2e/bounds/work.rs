//! Work whose life is seen, under a lease that is short.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::api::{Bound, start_until};
use crate::fleet::Fleet;

/// Short enough for a test, long enough for a busy machine.
pub(super) const LEASE_MS: u64 = 6_000;
/// The lease, two seconds for the handover, and what a busy machine takes.
pub(super) const HANDOVER: Duration = Duration::from_millis(LEASE_MS + 10_000);

/// Starts work that is deaf to SIGTERM, and has a short grace.
pub(super) async fn ticking(fleet: &Fleet, max_attempts: u32) -> Result<Bound> {
    let options = json!({"cancelGraceMs": 500, "maxAttempts": max_attempts,
        "backoff": {"initialMs": 1, "maxMs": 1}});
    let bound = start_until(fleet.control(), "ticking", &options, "RUNNING").await?;
    fleet.bench.begun(bound.execution).await?;
    Ok(bound)
}
