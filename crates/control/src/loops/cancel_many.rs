//! Carries on what is left to do of cancels of many, slice by slice, each of them in turn and at its
//! own pace.

use std::sync::Arc;

use taskpilot_domain::cancellation::Turn;
use taskpilot_domain::limits::CANCELLATIONS_AT_ONCE_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};

use crate::app::App;
use crate::cancellations::carry_on;

/// Its name in the log and in the checks.
pub(super) const CANCEL_MANY: &str = "cancel_many";

pub(super) struct CancelMany(pub(super) Arc<App>);

impl CancelMany {
    /// One that cannot come on does not keep the others from it, and does not slow down one that is
    /// not due yet; where none can, that is told.
    async fn step_all(&self) -> Result<Report, TickError> {
        let app = &self.0;
        let open = app.store.list_open_cancellations(CANCELLATIONS_AT_ONCE_MAX);
        let (mut report, mut failure) = (Report::default(), None);
        for record in open.await? {
            if let Turn::At(due_at) = record.turn(app.now()) {
                report.due_by(due_at);
                continue;
            }
            match carry_on::step(app, &record).await {
                Ok(Some(after)) => {
                    report.moved += 1;
                    app.carried_on.send_replace(());
                    if after.completed_at.is_none() {
                        match after.turn(app.now()) {
                            Turn::Now { .. } => report.more = true,
                            Turn::At(due_at) => report.due_by(due_at),
                        }
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(cancellation = %record.id, %error, "a cancellation does not come on");
                    failure = Some(error);
                }
            }
            let boot_ms = app.clock.boot_ms();
            app.health.pulses.beat(CANCEL_MANY, boot_ms);
        }
        match failure {
            Some(error) if report.moved == 0 && report.due.is_none() => Err(error),
            Some(_) | None => Ok(report),
        }
    }
}

impl Tick for CancelMany {
    async fn tick(&self, _: Timestamp) -> Result<Report, TickError> {
        tokio::select! {
            report = self.step_all() => report,
            // What is cut off is found again: it is not decided until that is kept.
            () = self.0.shutdown.requested() => Ok(Report::default()),
        }
    }
}
