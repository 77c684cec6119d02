//! Marks stops whose promised bound passed under a live session.

use std::sync::Arc;

use taskpilot_domain::limits::TICK_ROWS_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};

use super::all::report;
use crate::app::App;

pub(super) struct OverdueStops(pub(super) Arc<App>);

impl Tick for OverdueStops {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        Ok(report(
            &self.0.store.flag_overdue_stops(now, TICK_ROWS_MAX).await?,
        ))
    }
}
