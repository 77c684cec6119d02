//! Forgets idempotency keys that are kept long enough.

use std::sync::Arc;

use taskpilot_domain::limits::RETENTION_ROWS_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};

use crate::app::App;

pub(super) struct ForgetKeys(pub(super) Arc<App>);

impl Tick for ForgetKeys {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        let forgotten = self.0.store.forget_keys(now, RETENTION_ROWS_MAX).await?;
        Ok(Report {
            moved: forgotten.into(),
            more: forgotten >= RETENTION_ROWS_MAX,
        })
    }
}
