//! The one clock of a measurement: the time since the boot, which is the same for every process of the machine.

use std::time::Duration;

use rustix::time::ClockId;

/// Nanoseconds since the machine was booted.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement owns its clock, which is compared with that of other processes"
)]
pub(crate) fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Returns at this instant of [`now_ns`], or at once if it is over.
#[expect(
    clippy::disallowed_methods,
    reason = "a load generator owns its schedule"
)]
pub(crate) async fn wait_until_ns(instant: u64) {
    let left = instant.saturating_sub(now_ns());
    if left > 0 {
        tokio::time::sleep(Duration::from_nanos(left)).await;
    }
}

/// Nanoseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a measurement of centuries would lose a microsecond"
)]
pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
