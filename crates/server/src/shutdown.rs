//! The end of a service: asked for once, then a time to drain, then over.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const YEAR: Duration = Duration::from_hours(365 * 24);

/// A request to stop that everybody in a service shares.
#[derive(Debug, Clone)]
pub struct Shutdown {
    announced: Arc<AtomicBool>,
    requested: CancellationToken,
    drain: Duration,
    /// Set before the request is seen.
    end: Arc<OnceLock<Instant>>,
}

impl Shutdown {
    /// Nothing is asked for yet; once it is, what runs has `drain` to end.
    pub fn new(drain: Duration) -> Self {
        Self {
            announced: Arc::default(),
            requested: CancellationToken::new(),
            drain,
            end: Arc::default(),
        }
    }

    /// Says that the end will be asked for: who sends calls here should stop doing so.
    pub fn announce(&self) {
        self.announced.store(true, Ordering::Release);
    }

    /// Whether the end was announced or asked for.
    pub fn is_announced(&self) -> bool {
        self.announced.load(Ordering::Acquire) || self.is_requested()
    }

    /// Asks everybody to end. Repeatable.
    pub fn request(&self) {
        self.request_within(self.drain);
    }

    /// The same with another time to drain: what is left of one that is shared. The first request
    /// counts.
    pub fn request_within(&self, drain: Duration) {
        self.end.get_or_init(|| end_of(drain));
        self.requested.cancel();
    }

    /// Whether it was asked for.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Returns when it is asked for: take no new work.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Returns when the time to drain is over too: drop what still runs.
    pub async fn expired(&self) {
        self.requested().await;
        let end = *self.end.get_or_init(|| end_of(self.drain));
        let never = tokio::time::timeout_at(end, pending::<()>()).await;
        debug_assert!(never.is_err(), "the future never ends by itself");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time to drain is this process's own time"
)]
fn end_of(drain: Duration) -> Instant {
    let now = Instant::now();
    // However long that may be: no clock counts beyond its end.
    now.checked_add(drain).unwrap_or(now + YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_expires_after_the_time_to_drain() {
        let shutdown = Shutdown::new(Duration::from_secs(30));
        assert!(!shutdown.is_requested());
        shutdown.request();
        shutdown.requested().await;
        let early = tokio::time::timeout(Duration::from_secs(29), shutdown.expired()).await;
        assert!(early.is_err());
        let late = tokio::time::timeout(Duration::from_secs(31), shutdown.expired()).await;
        assert_eq!(late, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_without_end_is_no_accident() {
        let shutdown = Shutdown::new(Duration::MAX);
        shutdown.request();
        let day = Duration::from_hours(24);
        assert!(tokio::time::timeout(day, shutdown.expired()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_of_a_shared_time_counts_from_the_request_on() {
        let shutdown = Shutdown::new(Duration::from_secs(30));
        shutdown.request_within(Duration::from_secs(5));
        shutdown.request();
        let second = Duration::from_secs(1);
        // Nobody waits for the end during the first four seconds.
        let pause = tokio::time::timeout(4 * second, pending::<()>()).await;
        assert!(pause.is_err());
        let early = tokio::time::timeout(second / 2, shutdown.expired()).await;
        assert!(early.is_err());
        let late = tokio::time::timeout(second, shutdown.expired()).await;
        assert_eq!(late, Ok(()));
    }
}
