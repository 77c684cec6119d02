//! One dependency: looked at once a second at most, by one caller at a time, within a short time.

use std::time::Duration;

use taskpilot_api::health::Check;
use taskpilot_domain::limits::{READY_LOOK_MS, READY_LOOK_TIME_MS};
use taskpilot_domain::time::Timestamp;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::clock::Clock;

/// What is known of a dependency. However many ask, it is looked at once.
#[derive(Debug)]
pub struct Watch {
    name: &'static str,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug)]
struct Seen {
    boot_ms: u64,
    missing: Option<(Timestamp, String)>,
}

impl Watch {
    /// Nothing is known yet.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            seen: Mutex::default(),
        }
    }

    /// What `look` says now, or what it said less than a second ago. An `Err` tells what is missing.
    pub async fn check(
        &self,
        clock: &dyn Clock,
        look: impl Future<Output = Result<(), String>>,
    ) -> Check {
        let mut seen = self.seen.lock().await;
        let is_fresh = |seen: &Seen| clock.boot_ms().saturating_sub(seen.boot_ms) < READY_LOOK_MS;
        if !seen.as_ref().is_some_and(is_fresh) {
            let said = timeout(Duration::from_millis(READY_LOOK_TIME_MS), look).await;
            let said = said.unwrap_or_else(|_| Err("no answer in time".into()));
            let before = seen.take().and_then(|seen| seen.missing);
            let missing = said.err().map(|detail| {
                let since = before.map_or_else(|| clock.now(), |(since, _)| since);
                (since, detail)
            });
            *seen = Some(Seen {
                boot_ms: clock.boot_ms(),
                missing,
            });
        }
        let missing = seen.as_ref().and_then(|seen| seen.missing.clone());
        missing.map_or_else(
            || Check::ok(self.name),
            |(since, detail)| Check::unavailable(self.name, since, detail),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::clock::ManualClock;

    #[tokio::test]
    async fn a_dependency_is_looked_at_once_a_second_and_its_first_absence_is_kept() {
        let clock = ManualClock::at(Timestamp::EPOCH);
        let watch = Watch::new("store");
        let looks = Cell::new(0);
        let missing = async |detail: &str| {
            let look = async {
                looks.set(looks.get() + 1);
                Err(detail.to_owned())
            };
            watch.check(&clock, look).await
        };
        let told = |detail: &str| Check::unavailable("store", Timestamp::EPOCH, detail.into());
        assert_eq!(missing("full").await, told("full"));
        assert_eq!(missing("gone").await, told("full"));
        assert_eq!(looks.get(), 1);
        clock.advance(READY_LOOK_MS);
        assert_eq!(missing("gone").await, told("gone"));
        clock.advance(READY_LOOK_MS);
        assert_eq!(
            watch.check(&clock, async { Ok(()) }).await,
            Check::ok("store")
        );
        assert_eq!(looks.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_is_an_absence() {
        let clock = ManualClock::at(Timestamp::EPOCH);
        let check = Watch::new("scheduler")
            .check(&clock, std::future::pending())
            .await;
        assert_eq!(check.detail.as_deref(), Some("no answer in time"));
    }
}
