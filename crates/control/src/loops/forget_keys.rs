//! Forgets idempotency keys and cancellations that are kept long enough, and none by the word of a
//! clock that may be wrong.

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
        let done = app.store.forget_cancellations(now, RETENTION_ROWS_MAX);
        let done = done.await?;
        Ok(Report {
            moved: u64::from(forgotten) + u64::from(done),
            more: forgotten.max(done) >= RETENTION_ROWS_MAX,
            due: None,
        })
    }
}
