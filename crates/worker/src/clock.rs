//! The worker's only source of time: `CLOCK_BOOTTIME`, which counts while a laptop sleeps.
//!
//! Both ends of a supervisor's pipe read the same clock, so instants travel as they are.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

/// An instant in milliseconds since the machine was booted. It means nothing after a reboot or on
/// another machine.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BootInstant(u64);

impl BootInstant {
    /// This instant.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the worker that reads a clock"
    )]
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
        Self(seconds * 1_000 + nanoseconds / 1_000_000)
    }

    /// From milliseconds since boot.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since boot.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// So many milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// So many milliseconds earlier, but not before the boot.
    #[must_use]
    pub const fn minus_ms(self, millis: u64) -> Self {
        Self(self.0.saturating_sub(millis))
    }

    /// Milliseconds since then; 0 if it is still to come.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As the kernel's timers take it.
    pub(crate) fn as_timespec(self) -> Timespec {
        let nanoseconds = i64::try_from(self.0 % 1_000 * 1_000_000);
        Timespec {
            tv_sec: i64::try_from(self.0 / 1_000).unwrap_or(i64::MAX),
            tv_nsec: nanoseconds.expect("invariant: less than a second"),
        }
    }
}

/// Nanoseconds since the machine was booted, for what is shorter than a millisecond.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the worker that reads a clock"
)]
pub(crate) fn boot_ns() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// Waits and keeps its thread, which must not be one of the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the worker that owns waiting"
)]
pub(crate) fn pause_thread(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Waits, on tokio's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the worker that owns waiting"
)]
pub(crate) async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
