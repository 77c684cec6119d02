//! Forgets idempotency keys that are kept long enough, and none by the word of a clock that may be wrong.

use std::sync::Arc;

use taskpilot_domain::limits::RETENTION_ROWS_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};

use crate::app::App;

pub(super) struct ForgetKeys(pub(super) Arc<App>);

impl Tick for ForgetKeys {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        let app = &self.0;
        if !app.steadiness.is_steady(app.clock.as_ref()) {
            return Ok(Report::default());
        }
        let forgotten = app.store.forget_keys(now, RETENTION_ROWS_MAX).await?;
        Ok(Report {
            moved: forgotten.into(),
            more: forgotten >= RETENTION_ROWS_MAX,
        })
    }
}
