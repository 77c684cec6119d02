//! Cancellations in the words of the wire.

use taskpilot_api::cancellations::{Cancellation, CancellationCounts, CancellationFilter};
use taskpilot_api::open::Open;
use taskpilot_domain::cancellation::{CancellationOutcome, MaxPerSecond};
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::cancellations::CancellationRecord;

/// A cancellation as it is told.
pub(crate) fn cancellation(record: CancellationRecord) -> Result<Cancellation, ApiError> {
    let filter = record.filter.as_deref().map(serde_json::from_str);
    let filter: Option<CancellationFilter> = filter.transpose().map_err(ApiError::fault)?;
    let count = |outcome| record.counts.of(outcome);
    Ok(Cancellation {
        id: record.id,
        status: Open::Known(record.status),
        requested_at: record.requested_at,
        requested_by: record.requested_by.to_string(),
        reason: record.reason,
        filter,
        max_per_second: record.max_per_second.map(MaxPerSecond::get),
        total: record.total,
        counts: CancellationCounts {
            canceled: count(CancellationOutcome::Canceled),
            already: count(CancellationOutcome::Already),
            changed: count(CancellationOutcome::Changed),
            not_bound: count(CancellationOutcome::NotBound),
            refused: count(CancellationOutcome::Refused),
            missing: count(CancellationOutcome::Missing),
        },
        completed_at: record.completed_at,
    })
}
