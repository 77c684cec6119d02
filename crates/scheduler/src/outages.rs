//! Outages of ours are not the workers' fault: after a start, a loss of the store, a jump of the wall
//! clock or a pause of this process, nothing expires and no stop is overdue for one lease.
//!
//! Whatever judges by the end of a lease asks here first: the first call after an outage may come
//! before the first tick of a loop.

use taskpilot_domain::limits::CLOCK_JUMP_MS;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::StoreError;
use tokio::sync::Mutex;

use crate::app::App;

/// When we were last seen to be well, and how long the last outage counts.
#[derive(Debug, Default)]
pub(crate) struct Outages(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    last: Option<Look>,
    excused_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    wall: Timestamp,
    boot_ms: u64,
}

impl Outages {
    /// Gives every session a lease more if we were away. Answers the time.
    pub(crate) async fn heed(&self, app: &App) -> Result<Timestamp, StoreError> {
        let mut seen = self.0.lock().await;
        let look = Look {
            wall: app.clock.now(),
            boot_ms: app.clock.boot_ms(),
        };
        if is_outage(seen.last, look) {
            seen.last = None;
            let until = look.wall.plus_ms(app.config.lease_ms);
            app.store.extend_leases(look.wall, until).await?;
            seen.excused_until = Some(until);
            tracing::info!("leases are extended after a start or an outage");
        }
        seen.last = Some(look);
        Ok(look.wall)
    }

    /// Whether we were away less than a lease ago.
    pub(crate) async fn are_recent(&self, app: &App) -> Result<bool, StoreError> {
        let now = self.heed(app).await?;
        let excused_until = self.0.lock().await.excused_until;
        Ok(excused_until.is_some_and(|until| now < until))
    }

    /// Until when nothing expires, where that is still to come; `None` too while it is being decided.
    pub(crate) fn excused_until(&self, now: Timestamp) -> Option<Timestamp> {
        let seen = self.0.try_lock().ok()?;
        seen.excused_until.filter(|until| now < *until)
    }

    /// The store failed: whenever it serves again, that was an outage.
    pub(crate) async fn note_loss(&self) {
        self.0.lock().await.last = None;
    }
}

/// Whether we were away between two looks, or time itself jumped.
fn is_outage(last: Option<Look>, look: Look) -> bool {
    let Some(last) = last else { return true };
    let boot_ms = look.boot_ms.saturating_sub(last.boot_ms);
    let wall_ms = look.wall.ms_since(last.wall);
    boot_ms > CLOCK_JUMP_MS || wall_ms.abs_diff(boot_ms) > CLOCK_JUMP_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(wall: i64, boot_ms: u64) -> Look {
        Look {
            wall: Timestamp::from_millis(wall),
            boot_ms,
        }
    }

    #[test]
    fn a_first_look_a_pause_and_a_jump_are_outages() {
        let last = Some(look(10_000, 5_000));
        assert!(is_outage(None, look(10_000, 5_000)));
        assert!(!is_outage(last, look(10_200, 5_200)));
        assert!(
            is_outage(last, look(40_000, 35_000)),
            "this process was stopped"
        );
        assert!(
            is_outage(last, look(13_000, 5_200)),
            "the wall clock was set forward"
        );
        assert!(
            !is_outage(last, look(10_000, 5_900)),
            "a clock that stands still for a moment"
        );
    }
}
