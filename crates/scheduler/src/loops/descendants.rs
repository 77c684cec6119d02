//! Decides what stands below closed trees, slice by slice.

use std::sync::Arc;

use taskpilot_domain::limits::TICK_ROWS_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};

use super::all::report;
use crate::app::App;

pub(super) struct Descendants(pub(super) Arc<App>);

impl Tick for Descendants {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        Ok(report(
            &self.0.store.decide_descendants(now, TICK_ROWS_MAX).await?,
        ))
    }
}
