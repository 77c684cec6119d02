//! Fails executions whose deadline passed.

use std::sync::Arc;

use taskpilot_domain::limits::TICK_ROWS_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};

use super::all::report;
use crate::app::App;

pub(super) struct Deadlines(pub(super) Arc<App>);

impl Tick for Deadlines {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        Ok(report(
            &self.0.store.pass_deadlines(now, TICK_ROWS_MAX).await?,
        ))
    }
}
