//! The one clock of a measurement: the time since the boot, which is the same for every process of the machine.

use std::time::Duration;

use anyhow::{Result, anyhow};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::readable::readable;

/// Longer than anything takes on which a measurement waits.
const PATIENCE: Duration = Duration::from_mins(1);

/// Nanoseconds since the machine was booted.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement owns its clock, which is compared with that of other processes"
)]
pub(crate) fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Returns at this instant of [`now_ns`], or at once if it is over. With a timer of the kernel: those
/// of the runtime know whole milliseconds, and what they are late would be charged to the server.
pub(crate) async fn wait_until_ns(instant: u64) -> Result<()> {
    if now_ns() >= instant {
        return Ok(());
    }
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
    let setting = Itimerspec {
        it_interval: Timespec::default(),
        it_value: Timespec {
            tv_sec: (instant / 1_000_000_000).try_into()?,
            tv_nsec: (instant % 1_000_000_000).try_into()?,
        },
    };
    timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &setting)?;
    readable(timer).await
}

/// What comes of something, unless it takes a minute: then an error that names it, because nobody
/// learns anything from a measurement that hangs.
pub(crate) async fn patiently<T>(
    what: impl FnOnce() -> String,
    event: impl Future<Output = Result<T>>,
) -> Result<T> {
    let outcome = tokio::time::timeout(PATIENCE, event).await;
    outcome.map_err(|_| anyhow!("waited {} s in vain for {}", PATIENCE.as_secs(), what()))?
}

/// Nanoseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a measurement of centuries would lose a microsecond"
)]
pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    /// A busy machine lets many a wake be late; a wait in whole milliseconds is late each time.
    const TRIES: usize = 500;

    #[tokio::test]
    async fn a_wait_ends_at_its_instant_wherever_in_a_millisecond_that_is() {
        for tenth in 0..10 {
            let mut least = u64::MAX;
            for _ in 0..TRIES {
                let instant = (now_ns() / MS + 2) * MS + tenth * MS / 10;
                wait_until_ns(instant).await.unwrap();
                let woken = now_ns();
                assert!(woken >= instant, "{} ns early", instant - woken);
                least = least.min(woken - instant);
                if least < MS * 3 / 10 {
                    break;
                }
            }
            assert!(least < MS * 3 / 10, "{tenth}: {least} ns late at best");
        }
        wait_until_ns(1).await.unwrap();
    }
}
