//! One timer for all deadlines, on `CLOCK_BOOTTIME`: it fires at once when a suspended laptop wakes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::clock::BootInstant;

/// A timer that can be polled.
pub(crate) struct Timer {
    timer: OwnedFd,
    set_to: Option<BootInstant>,
}

impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self {
            timer: timerfd_create(TimerfdClockId::Boottime, flags)?,
            set_to: None,
        })
    }

    /// What to poll for reading: readable once the instant has come, until the next `set`.
    pub(crate) fn polled(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }

    /// Fires at this instant and no other.
    pub(crate) fn set(&mut self, at: Option<BootInstant>) -> io::Result<()> {
        if at.is_none() && self.set_to.is_none() {
            return Ok(());
        }
        let never = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // An all-zero instant means "never" to the kernel, so the boot itself is one millisecond late.
        let it_value = at.map_or(never, |at| {
            at.max(BootInstant::from_millis(1)).as_timespec()
        });
        let spec = Itimerspec {
            it_interval: never,
            it_value,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &spec)?;
        self.set_to = at;
        Ok(())
    }
}
