//! Time and chance of the client: its deadlines, the waits between tries, their jitter.

use std::time::Duration;

use tokio::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "deadlines of calls are the client's own time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the wait between tries is the client's own"
)]
pub(crate) async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

/// A uniform share of `bound`.
#[expect(
    clippy::disallowed_methods,
    reason = "the jitter of tries need not be repeatable"
)]
pub(crate) fn jittered(bound: Duration) -> Duration {
    bound.mul_f64(fastrand::f64())
}
