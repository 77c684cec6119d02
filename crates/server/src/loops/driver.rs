//! Runs a tick again and again: interval, jitter, wake-up, back-off after errors, shutdown.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use taskpilot_domain::time::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::catch;
use crate::clock::Clock;
use crate::shutdown::Shutdown;

/// What one tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows that it moved.
    pub moved: u64,
    /// Whether more is waiting: the next tick follows at once.
    pub more: bool,
    /// When something will be, if that is known: the next tick follows then at the latest.
    pub due: Option<Timestamp>,
}

impl Report {
    /// Something will be waiting at this instant.
    pub fn due_by(&mut self, at: Timestamp) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

/// Why a tick failed.
pub type TickError = Box<dyn Error + Send + Sync>;

/// The body of a loop. It takes no hints: only its state and `now`.
pub trait Tick: Send + Sync + 'static {
    /// Does one bounded piece of work.
    fn tick(&self, now: Timestamp) -> impl Future<Output = Result<Report, TickError>> + Send;
}

/// Wakes a loop before its interval is over; wakes that meet become one.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Lets the next tick follow at once, also when one runs just now.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// A loop and what it needs beside its tick.
pub struct Loop {
    /// Its name in the log.
    pub name: &'static str,
    /// Time between ticks that leave nothing waiting, give or take a tenth.
    pub interval: Duration,
    /// Wakes it early.
    pub wake: Wake,
    /// Tells it the time.
    pub clock: Arc<dyn Clock>,
    /// Ends it, after the tick that runs.
    pub shutdown: Shutdown,
}

const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

impl Loop {
    /// Runs `tick` until the shutdown.
    pub fn spawn<T: Tick>(self, tick: Arc<T>) -> JoinHandle<()> {
        tokio::spawn(async move { self.run(tick.as_ref()).await })
    }

    async fn run<T: Tick>(&self, tick: &T) {
        let mut failures = 0;
        while !self.shutdown.is_requested() {
            match self.once(tick).await {
                Ok(Report { more: true, .. }) => {
                    failures = 0;
                    tokio::task::yield_now().await;
                }
                Ok(Report {
                    more: false, due, ..
                }) => {
                    failures = 0;
                    self.pause(self.rest(due), &self.wake).await;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(loop_name = self.name, error, failures, "tick failed");
                    // A wake does not shorten it: what failed would only fail again.
                    self.pause(backoff(failures), &Wake::default()).await;
                }
            }
        }
    }

    /// The time to the next tick.
    fn rest(&self, due: Option<Timestamp>) -> Duration {
        let interval = self.interval.mul_f64(spread(0.9, 1.1));
        due.map_or(interval, |due| {
            interval.min(Duration::from_millis(due.ms_since(self.clock.now())))
        })
    }

    async fn once<T: Tick>(&self, tick: &T) -> Result<Report, String> {
        let report = catch::panics(tick.tick(self.clock.now())).await;
        let report = report.map_err(|panic| format!("panicked: {panic}"))?;
        report.map_err(|error| error.to_string())
    }

    async fn pause(&self, time: Duration, wake: &Wake) {
        tokio::select! {
            () = sleep(time) => {}
            () = wake.0.notified() => {}
            () = self.shutdown.requested() => {}
        }
    }
}

fn backoff(failures: u32) -> Duration {
    let bound = BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    bound.min(BACKOFF_MAX).mul_f64(spread(0.5, 1.0))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver owns the waiting of loops"
)]
async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the spread of loops over time decides nothing that a test would repeat"
)]
fn spread(from: f64, to: f64) -> f64 {
    from + (to - from) * fastrand::f64()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::mpsc;

    use super::*;
    use crate::clock::ManualClock;

    /// Answers each tick with the next of its outcomes, then with nothing to do.
    struct Script {
        outcomes: Mutex<Vec<Result<Report, TickError>>>,
        ticks: mpsc::UnboundedSender<()>,
    }

    impl Tick for Script {
        async fn tick(&self, _: Timestamp) -> Result<Report, TickError> {
            let _ = self.ticks.send(());
            let next = self.outcomes.lock().unwrap().pop();
            assert!(
                !matches!(next, Some(Ok(Report { moved: 13, .. }))),
                "scripted"
            );
            next.unwrap_or(Ok(Report::default()))
        }
    }

    struct Running {
        ticks: mpsc::UnboundedReceiver<()>,
        wake: Wake,
        shutdown: Shutdown,
        task: JoinHandle<()>,
    }

    fn start(mut outcomes: Vec<Result<Report, TickError>>) -> Running {
        outcomes.reverse();
        let (sender, ticks) = mpsc::unbounded_channel();
        let (wake, shutdown) = (Wake::default(), Shutdown::new(Duration::ZERO));
        let driver = Loop {
            name: "test",
            interval: Duration::from_hours(1),
            wake: wake.clone(),
            clock: Arc::new(ManualClock::at(Timestamp::EPOCH)),
            shutdown: shutdown.clone(),
        };
        let task = driver.spawn(Arc::new(Script {
            outcomes: Mutex::new(outcomes),
            ticks: sender,
        }));
        Running {
            ticks,
            wake,
            shutdown,
            task,
        }
    }

    async fn ticks_within(running: &mut Running, time: Duration) -> usize {
        let mut count = 0;
        let counting = async {
            while running.ticks.recv().await.is_some() {
                count += 1;
            }
        };
        let _ = tokio::time::timeout(time, counting).await;
        count
    }

    const MORE: Report = Report {
        moved: 1,
        more: true,
        due: None,
    };

    #[tokio::test(start_paused = true)]
    async fn ticks_follow_at_once_while_more_is_waiting() {
        let mut running = start(vec![Ok(MORE), Ok(MORE), Ok(MORE)]);
        let ticks = ticks_within(&mut running, Duration::from_millis(1)).await;
        assert_eq!(ticks, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_comes_before_the_interval() {
        let mut running = start(vec![]);
        assert_eq!(ticks_within(&mut running, Duration::from_mins(1)).await, 1);
        running.wake.wake();
        assert_eq!(ticks_within(&mut running, Duration::from_mins(1)).await, 1);
        assert_eq!(
            ticks_within(&mut running, Duration::from_secs(4_000)).await,
            1
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_tick_follows_when_something_is_due() {
        // The clock of the loop stands still at the epoch: each is due so long after its tick.
        let due_after = |ms| {
            let mut report = Report::default();
            report.due_by(Timestamp::EPOCH.plus_ms(2 * ms));
            report.due_by(Timestamp::EPOCH.plus_ms(ms));
            report.due_by(Timestamp::EPOCH.plus_ms(3 * ms));
            Ok(report)
        };
        let a_day = 86_400_000;
        let mut running = start(vec![due_after(50), due_after(50), due_after(a_day)]);
        let seen = [49, 2, 48, 2, 3_000_000].map(Duration::from_millis);
        let mut ticks = Vec::new();
        for time in seen {
            ticks.push(ticks_within(&mut running, time).await);
        }
        assert_eq!(ticks, [1, 1, 0, 1, 0], "not before, and not long after");
        let time = Duration::from_secs(1_000);
        let ticks = ticks_within(&mut running, time).await;
        assert_eq!(ticks, 1, "never later than without it");
    }

    #[tokio::test(start_paused = true)]
    async fn errors_and_panics_back_off_and_do_not_end_the_loop() {
        let panic = Report {
            moved: 13,
            ..Report::default()
        };
        let mut running = start(vec![Err("down".into()), Ok(panic), Err("down".into())]);
        let early = ticks_within(&mut running, Duration::from_millis(40)).await;
        running.wake.wake();
        let late = ticks_within(&mut running, Duration::from_secs(2)).await;
        // The wake is kept and lets one tick follow the first success at once.
        assert_eq!((early, late), (1, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_ends_the_loop() {
        let running = start(vec![]);
        running.shutdown.request();
        running.task.await.unwrap();
    }
}
