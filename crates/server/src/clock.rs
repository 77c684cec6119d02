//! The one owner of clocks: everything else is handed a [`Clock`] or a `now`.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use taskpilot_domain::time::Timestamp;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Wall time; within a process it neither steps back nor stands still.
    fn now(&self) -> Timestamp;

    /// The wall clock as it is set, which may step and be behind what [`Clock::now`] has shown.
    fn wall(&self) -> Timestamp;

    /// Milliseconds since the machine was started, the time it slept included.
    fn boot_ms(&self) -> u64;
}

/// The clocks of the machine.
#[derive(Debug)]
pub struct SystemClock {
    latest: Mutex<Anchor>,
}

impl SystemClock {
    /// A clock that has seen no time yet.
    pub fn new() -> Self {
        Self::not_before(Timestamp::EPOCH)
    }

    /// A clock that never shows an earlier time than `floor`, the latest one that was persisted.
    pub fn not_before(floor: Timestamp) -> Self {
        let latest = Anchor {
            shown: floor,
            boot_ms: boot_ms(),
        };
        Self {
            latest: Mutex::new(latest),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut latest = self.latest.lock().expect("invariant: no holder panics");
        latest.show(Timestamp::from_millis(wall_ms()), boot_ms())
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(wall_ms())
    }

    fn boot_ms(&self) -> u64 {
        boot_ms()
    }
}

/// The last time that was shown, on both clocks.
///
/// While the wall clock is behind it, because somebody set it back, time goes on by the other one:
/// if it stood still, no lease would end and nothing would fall due until the wall has caught up.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    shown: Timestamp,
    boot_ms: u64,
}

impl Anchor {
    fn show(&mut self, wall: Timestamp, boot_ms: u64) -> Timestamp {
        if wall >= self.shown {
            self.shown = wall;
        } else {
            let passed = boot_ms.saturating_sub(self.boot_ms);
            self.shown = self.shown.plus_ms(passed);
        }
        self.boot_ms = boot_ms;
        self.shown
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

    fn wall(&self) -> Timestamp {
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
        let (first, second) = (clock.now(), clock.now());
        assert!(second >= first && first >= future);
        let clock = SystemClock::new();
        let (first, second) = (clock.now(), clock.now());
        assert!(second >= first && first > Timestamp::from_millis(1_700_000_000_000));
    }

    #[test]
    fn time_goes_on_while_the_wall_clock_is_behind() {
        let hour_ms = 3_600_000;
        let noon = Timestamp::from_millis(1_700_000_000_000);
        let machine = ManualClock::at(noon);
        // As after a restart that finds the wall behind what was persisted.
        let mut anchor = Anchor {
            shown: noon.plus_ms(500),
            boot_ms: machine.boot_ms(),
        };
        let mut show = |ms| {
            machine.advance(ms);
            anchor.show(machine.now(), machine.boot_ms())
        };
        assert_eq!(show(0), noon.plus_ms(500));
        assert_eq!(show(40), noon.plus_ms(540));
        machine.set_wall(noon.plus_ms(600));
        assert_eq!(show(0), noon.plus_ms(600), "the wall leads again");
        machine.set_wall(noon.minus_ms(hour_ms));
        assert_eq!(show(30), noon.plus_ms(630), "it was set back");
        assert_eq!(show(30_000), noon.plus_ms(30_630));
        machine.set_wall(noon.plus_ms(30_640));
        assert_eq!(show(1), noon.plus_ms(30_641), "it was set right");
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
