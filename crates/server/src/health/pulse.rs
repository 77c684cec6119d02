//! When each loop ticked last. A tick that hangs, or panics again and again, shows here; one that
//! fails in order does not, because what it failed on has a check of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use taskpilot_domain::limits::LOOP_SILENT_MS;
use taskpilot_domain::time::Timestamp;

use crate::clock::Clock;
use crate::loops::{Report, Tick, TickError};

/// The loops of a service.
#[derive(Debug, Default)]
pub struct Pulses(Mutex<Vec<Pulse>>);

#[derive(Debug)]
struct Pulse {
    name: &'static str,
    silent_ms: u64,
    ticked_ms: Arc<AtomicU64>,
}

impl Pulses {
    /// The same tick, whose end is noted each time.
    pub fn watched<T: Tick>(
        &self,
        name: &'static str,
        interval: Duration,
        clock: &Arc<dyn Clock>,
        tick: T,
    ) -> impl Tick + use<T> {
        let ticked_ms = Arc::new(AtomicU64::new(clock.boot_ms()));
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.lock().push(Pulse {
            name,
            silent_ms: LOOP_SILENT_MS.saturating_add(interval_ms.saturating_mul(2)),
            ticked_ms: Arc::clone(&ticked_ms),
        });
        Watched {
            tick,
            ticked_ms,
            clock: Arc::clone(clock),
        }
    }

    /// Notes that a loop goes on, within a tick that may take long.
    pub fn beat(&self, name: &str, boot_ms: u64) {
        let pulses = self.lock();
        for pulse in pulses.iter().filter(|pulse| pulse.name == name) {
            pulse.ticked_ms.store(boot_ms, Ordering::Release);
        }
    }

    /// `Err` names the loops that have not ticked for long.
    pub fn check(&self, boot_ms: u64) -> Result<(), String> {
        let pulses = self.lock();
        if pulses.is_empty() {
            return Err("the loops have not begun".into());
        }
        let silent = pulses.iter().filter_map(|pulse| {
            let age = boot_ms.saturating_sub(pulse.ticked_ms.load(Ordering::Acquire));
            let told = format!("{} ticked last {} s ago", pulse.name, age / 1_000);
            (age > pulse.silent_ms).then_some(told)
        });
        let silent: Vec<String> = silent.collect();
        if silent.is_empty() {
            Ok(())
        } else {
            Err(silent.join(", "))
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Pulse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Watched<T> {
    tick: T,
    ticked_ms: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

impl<T: Tick> Tick for Watched<T> {
    async fn tick(&self, now: Timestamp) -> Result<Report, TickError> {
        let outcome = self.tick.tick(now).await;
        self.ticked_ms
            .store(self.clock.boot_ms(), Ordering::Release);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    struct Nothing;

    impl Tick for Nothing {
        async fn tick(&self, _: Timestamp) -> Result<Report, TickError> {
            Err("failed in order".into())
        }
    }

    #[tokio::test]
    async fn a_loop_that_hangs_is_named_and_one_that_fails_is_alive() {
        let manual = Arc::new(ManualClock::at(Timestamp::EPOCH));
        let clock: Arc<dyn Clock> = manual.clone();
        let pulses = Pulses::default();
        assert!(pulses.check(clock.boot_ms()).is_err());
        let second = Duration::from_secs(1);
        let ticking = pulses.watched("ticking", second, &clock, Nothing);
        let _hanging = pulses.watched("hanging", second, &clock, Nothing);
        assert_eq!(pulses.check(clock.boot_ms()), Ok(()));
        manual.advance(LOOP_SILENT_MS + 3_000);
        ticking.tick(Timestamp::EPOCH).await.unwrap_err();
        let age = LOOP_SILENT_MS / 1_000 + 3;
        let hanging = pulses.check(clock.boot_ms());
        assert_eq!(hanging, Err(format!("hanging ticked last {age} s ago")));
        pulses.beat("hanging", clock.boot_ms());
        assert_eq!(pulses.check(clock.boot_ms()), Ok(()));
    }
}
