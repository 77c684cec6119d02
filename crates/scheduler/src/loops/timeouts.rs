//! Ends attempts that run longer than they may.

use std::sync::Arc;

use taskpilot_domain::limits::TICK_ROWS_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};

use super::all::report;
use crate::app::App;
use crate::secrets;

pub(super) struct Timeouts(pub(super) Arc<App>);

impl Tick for Timeouts {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        Ok(report(
            &self
                .0
                .store
                .time_out_attempts(now, TICK_ROWS_MAX, secrets::jitter())
                .await?,
        ))
    }
}
