//! Forgets what is kept long enough: executions, then their keys, then worker sessions.
//! By the word of a clock that may be wrong nothing is forgotten.

use std::sync::Arc;

use taskpilot_domain::limits::RETENTION_ROWS_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};

use crate::app::App;

pub(super) struct ForgetHistory(pub(super) Arc<App>);

impl Tick for ForgetHistory {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        let app = &self.0;
        if !app.steadiness.is_steady(app.clock.as_ref()) {
            return Ok(Report::default());
        }
        let slice = app
            .store
            .forget(now, app.config.retention, RETENTION_ROWS_MAX)
            .await?;
        Ok(Report {
            moved: slice.rows.into(),
            more: slice.more,
            due: None,
        })
    }
}
