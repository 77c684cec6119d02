//! Marks stops whose promised bound passed under a live session, unless its worker could not hear
//! of them for a reason of ours.

use std::sync::Arc;

use taskpilot_domain::limits::TICK_ROWS_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};

use super::all::report;
use crate::app::App;

pub(super) struct OverdueStops(pub(super) Arc<App>);

impl Tick for OverdueStops {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        let app = &self.0;
        // What came due while we were away is not overdue before its worker had a lease to act.
        if app.outages.are_recent(app).await? {
            return Ok(Report::default());
        }
        let flagged = app.store.flag_overdue_stops(now, TICK_ROWS_MAX).await?;
        if flagged.moved > 0 {
            tracing::warn!(
                stops = flagged.moved,
                "stops passed their promised bound while their workers live: they are STUCK, and these \
                 workers are given no more work until they are settled or released"
            );
        }
        Ok(report(&flagged))
    }
}
