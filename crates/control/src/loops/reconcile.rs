//! Drives bindings that are due, and cancels that are owed, by the path that requests take.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use taskpilot_domain::limits::{BINDING_OVERDUE_MS, BINDINGS_AT_ONCE_MAX, PAGE_MAX};
use taskpilot_domain::time::Timestamp;
use taskpilot_server::loops::{Report, Tick, TickError};
use taskpilot_store::rows::bindings::BindingRecord;

use crate::app::App;
use crate::bindings::drive::Errand;
use crate::bindings::flights::board;

/// Its name in the log and in the checks.
pub(super) const RECONCILE: &str = "reconcile";

pub(super) struct Reconcile(pub(super) Arc<App>);

impl Reconcile {
    /// After a start nobody drives what is unfinished: it is due at once.
    fn look(&self, now: Timestamp) -> (Timestamp, u32) {
        if self.0.has_looked_back.load(Ordering::Relaxed) {
            (now, BINDINGS_AT_ONCE_MAX)
        } else {
            (now.plus_ms(BINDING_OVERDUE_MS), PAGE_MAX)
        }
    }

    /// A few at a time: each may hold a connection until its deadline.
    async fn drive_all(&self, due: &[BindingRecord]) {
        for some in due.chunks(BINDINGS_AT_ONCE_MAX as usize) {
            let flights: Vec<_> = some
                .iter()
                .map(|record| board(&self.0, errand(record)))
                .collect();
            for flight in flights {
                if let Err(error) = flight.landed().await {
                    tracing::warn!(%error, "a binding could not be driven");
                }
            }
            // With a scheduler that hangs the many of a start take minutes.
            let boot_ms = self.0.clock.boot_ms();
            self.0.health.pulses.beat(RECONCILE, boot_ms);
        }
    }
}

fn errand(record: &BindingRecord) -> Errand {
    Errand {
        record: record.clone(),
        request_id: format!("binding-{}", record.task),
    }
}

impl Tick for Reconcile {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        let (until, limit) = self.look(now);
        let due = self.0.store.list_due_bindings(until, limit).await?;
        self.0.has_looked_back.store(true, Ordering::Relaxed);
        tokio::select! {
            () = self.drive_all(&due) => {}
            // What is cut off is found again: every step is committed before the next.
            () = self.0.shutdown.requested() => {}
        }
        let moved = u64::try_from(due.len()).unwrap_or(u64::MAX);
        Ok(Report {
            moved,
            more: due.len() >= limit as usize,
            due: None,
        })
    }
}
