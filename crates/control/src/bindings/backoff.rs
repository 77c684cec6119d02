//! When a binding that came to nothing is looked at again.

use taskpilot_domain::limits::{BINDING_RETRY_FIRST_MS, BINDING_RETRY_MAX_MS};
use taskpilot_domain::retry::{Backoff, Jitter};
use taskpilot_domain::time::Timestamp;

/// After `tries` that failed before this one.
pub(crate) fn next_try_at(now: Timestamp, tries: u32) -> Timestamp {
    let backoff = Backoff {
        initial_ms: BINDING_RETRY_FIRST_MS,
        max_ms: BINDING_RETRY_MAX_MS,
        factor: 2.0,
    };
    now.plus_ms(backoff.delay_ms(tries.saturating_add(1), draw()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the spread of bindings over time decides nothing that a test would repeat"
)]
fn draw() -> Jitter {
    Jitter(fastrand::u64(..))
}
