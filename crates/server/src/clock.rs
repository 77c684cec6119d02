//! The one owner of clocks: everything else is handed a [`Clock`] or a `now`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use taskpilot_domain::time::Timestamp;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Wall time; within a process it never steps back.
    fn now(&self) -> Timestamp;

    /// Milliseconds since the machine was started, the time it slept included.
    fn boot_ms(&self) -> u64;
}

/// The clocks of the machine.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: AtomicI64,
}

impl SystemClock {
    /// A clock that has seen no time yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that never shows an earlier time than `floor`, the latest one that was persisted.
    pub fn not_before(floor: Timestamp) -> Self {
        Self {
            latest: AtomicI64::new(floor.as_millis()),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let millis = wall_ms();
        let latest = self.latest.fetch_max(millis, Ordering::Relaxed);
        Timestamp::from_millis(millis.max(latest))
    }

    fn boot_ms(&self) -> u64 {
        boot_ms()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everything else is handed"
)]
fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everything else is handed"
)]
fn boot_ms() -> u64 {
    let since_boot = clock_gettime(SINCE_BOOT);
    let seconds = u64::try_from(since_boot.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(since_boot.tv_nsec).unwrap_or(0);
    seconds * 1_000 + nanos / 1_000_000
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    times: Mutex<(Timestamp, u64)>,
}

impl ManualClock {
    /// A clock that shows `now`, one hour after the machine was started.
    pub fn at(now: Timestamp) -> Self {
        Self {
            times: Mutex::new((now, 3_600_000)),
        }
    }

    /// Lets `millis` pass on both clocks.
    pub fn advance(&self, millis: u64) {
        self.change(|(wall, boot)| (wall.plus_ms(millis), boot + millis));
    }

    /// Moves the wall clock alone, as somebody who sets it does.
    pub fn set_wall(&self, wall: Timestamp) {
        self.change(|(_, boot)| (wall, boot));
    }

    fn change(&self, change: impl FnOnce((Timestamp, u64)) -> (Timestamp, u64)) {
        let mut times = self.times.lock().expect("invariant: no holder panics");
        *times = change(*times);
    }

    fn times(&self) -> (Timestamp, u64) {
        *self.times.lock().expect("invariant: no holder panics")
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.times().0
    }

    fn boot_ms(&self) -> u64 {
        self.times().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_never_steps_back() {
        let future = Timestamp::from_millis(4_000_000_000_000);
        let clock = SystemClock::not_before(future);
        assert_eq!(clock.now(), future);
        let clock = SystemClock::new();
        let (first, second) = (clock.now(), clock.now());
        assert!(second >= first && first > Timestamp::from_millis(1_700_000_000_000));
    }

    #[test]
    fn the_manual_clock_moves_when_it_is_told() {
        let clock = ManualClock::at(Timestamp::EPOCH);
        clock.advance(5);
        clock.set_wall(Timestamp::from_millis(90));
        assert_eq!(
            (clock.now(), clock.boot_ms()),
            (Timestamp::from_millis(90), 3_600_005)
        );
    }
}
