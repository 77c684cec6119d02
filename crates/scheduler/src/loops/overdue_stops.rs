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
        Ok(report(
            &app.store.flag_overdue_stops(now, TICK_ROWS_MAX).await?,
        ))
    }
}
