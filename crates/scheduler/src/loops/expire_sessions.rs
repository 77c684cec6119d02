//! Ends sessions whose lease is over, unless that was our fault.

use std::sync::Arc;

use taskpilot_domain::limits::TICK_ROWS_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};
use taskpilot_store::StoreError;
use taskpilot_store::scheduler::Tick as Moved;

use super::all::report;
use crate::app::App;
use crate::secrets;

pub(super) struct ExpireSessions(pub(super) Arc<App>);

impl Tick for ExpireSessions {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        let app = &self.0;
        let moved = match expire(app, now).await {
            Ok(moved) => moved,
            // The store serves others: no outage, or leases would not end as long as a flood lasts.
            // No failure either, whose growing pauses would be taken for one.
            Err(StoreError::Overloaded) => {
                tracing::warn!("too much waits to look for leases that ended");
                return Ok(Report::default());
            }
            Err(error) => {
                app.outages.note_loss().await;
                return Err(error.into());
            }
        };
        for session in &moved.ended {
            app.progress.forget(*session);
            tracing::warn!(session = session.get(), "the lease of a worker ended");
        }
        Ok(report(&moved))
    }
}

async fn expire(app: &App, now: Timestamp) -> Result<Moved, StoreError> {
    app.outages.heed(app).await?;
    let store = &app.store;
    store
        .expire_sessions(now, TICK_ROWS_MAX, secrets::jitter())
        .await
}
