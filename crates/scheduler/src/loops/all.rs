//! All loops: started together, or run once by hand.

use std::sync::Arc;
use std::time::Duration;

use taskpilot_domain::limits::{RETENTION_EVERY_MS, TICK_ROWS_MAX};
use taskpilot_server::loops::{Loop, Report, Tick, TickError, Wake};
use taskpilot_store::scheduler::Tick as Moved;
use tokio::task::JoinHandle;

use super::{
    deadlines, descendants, expire_sessions, forget_history, overdue_stops, promote_due, timeouts,
};
use crate::app::App;

/// Starts all loops.
pub(crate) fn start(app: &Arc<App>) -> Vec<JoinHandle<()>> {
    vec![
        spawn(app, "promote_due", 50, promote_due::PromoteDue(app.clone())),
        spawn(
            app,
            "expire_sessions",
            500,
            expire_sessions::ExpireSessions(app.clone()),
        ),
        spawn(app, "timeouts", 200, timeouts::Timeouts(app.clone())),
        spawn(app, "deadlines", 200, deadlines::Deadlines(app.clone())),
        spawn_woken(
            app,
            ("descendants", 200),
            app.descendants.clone(),
            descendants::Descendants(app.clone()),
        ),
        spawn(
            app,
            "overdue_stops",
            500,
            overdue_stops::OverdueStops(app.clone()),
        ),
        spawn(
            app,
            "forget_history",
            RETENTION_EVERY_MS,
            forget_history::ForgetHistory(app.clone()),
        ),
    ]
}

/// Runs each loop once. Answers how many rows that moved.
pub(crate) async fn tick_all(app: &Arc<App>) -> Result<u64, TickError> {
    let now = app.clock.now();
    let reports = [
        promote_due::PromoteDue(app.clone()).tick(now).await?,
        expire_sessions::ExpireSessions(app.clone())
            .tick(now)
            .await?,
        timeouts::Timeouts(app.clone()).tick(now).await?,
        deadlines::Deadlines(app.clone()).tick(now).await?,
        descendants::Descendants(app.clone()).tick(now).await?,
        overdue_stops::OverdueStops(app.clone()).tick(now).await?,
        forget_history::ForgetHistory(app.clone()).tick(now).await?,
    ];
    Ok(reports.iter().map(|report| report.moved).sum())
}

fn spawn<T: Tick>(app: &Arc<App>, name: &'static str, every_ms: u64, tick: T) -> JoinHandle<()> {
    spawn_woken(app, (name, every_ms), Wake::default(), tick)
}

fn spawn_woken<T: Tick>(
    app: &Arc<App>,
    (name, every_ms): (&'static str, u64),
    wake: Wake,
    tick: T,
) -> JoinHandle<()> {
    let interval = Duration::from_millis(every_ms);
    let tick = app.health.pulses.watched(name, interval, &app.clock, tick);
    let driver = Loop {
        name,
        interval,
        wake,
        clock: app.clock.clone(),
        shutdown: app.shutdown.clone(),
    };
    driver.spawn(Arc::new(tick))
}

/// A full batch means that more may be waiting.
pub(super) fn report(moved: &Moved) -> Report {
    Report {
        moved: moved.moved.into(),
        more: moved.moved >= TICK_ROWS_MAX,
        due: None,
    }
}
