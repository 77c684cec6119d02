//! All loops: started together, or run once by hand.

use std::sync::Arc;
use std::time::Duration;

use taskpilot_domain::limits::RETENTION_EVERY_MS;
use taskpilot_server::loops::{Loop, Tick, TickError, Wake};
use tokio::task::JoinHandle;

use super::cancel_many::{CANCEL_MANY, CancelMany};
use super::forget_keys::ForgetKeys;
use super::reconcile::{RECONCILE, Reconcile};
use crate::app::App;

const EVERY: Duration = Duration::from_millis(200);

/// Starts all loops.
pub(crate) fn start(app: &Arc<App>) -> Vec<JoinHandle<()>> {
    let seldom = Duration::from_millis(RETENTION_EVERY_MS);
    vec![
        spawn(
            app,
            (RECONCILE, EVERY),
            Wake::default(),
            Reconcile(app.clone()),
        ),
        spawn(
            app,
            (CANCEL_MANY, EVERY),
            app.cancellations.clone(),
            CancelMany(app.clone()),
        ),
        spawn(
            app,
            ("forget_keys", seldom),
            Wake::default(),
            ForgetKeys(app.clone()),
        ),
    ]
}

fn spawn<T: Tick>(
    app: &Arc<App>,
    (name, interval): (&'static str, Duration),
    wake: Wake,
    tick: T,
) -> JoinHandle<()> {
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

/// Runs each loop once.
pub(crate) async fn tick(app: &Arc<App>) -> Result<(), TickError> {
    Reconcile(app.clone()).tick(app.now()).await?;
    while CancelMany(app.clone()).tick(app.now()).await?.more {}
    ForgetKeys(app.clone()).tick(app.now()).await.map(drop)
}
