//! The end of a service: asked for once, then a time to drain, then over.

use std::future::pending;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A request to stop that everybody in a service shares.
#[derive(Debug, Clone)]
pub struct Shutdown {
    requested: CancellationToken,
    drain: Duration,
}

impl Shutdown {
    /// Nothing is asked for yet; once it is, what runs has `drain` to end.
    pub fn new(drain: Duration) -> Self {
        Self {
            requested: CancellationToken::new(),
            drain,
        }
    }

    /// Asks everybody to end. Repeatable.
    pub fn request(&self) {
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

    /// Returns when the time to drain is over too: drop what still runs. Counts from when it is
    /// asked for only if it is awaited by then.
    pub async fn expired(&self) {
        self.requested().await;
        let never = tokio::time::timeout(self.drain, pending::<()>()).await;
        debug_assert!(never.is_err(), "the future never ends by itself");
    }
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
}
