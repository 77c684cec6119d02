//! All loops: started together, or run once by hand.

use std::sync::Arc;
use std::time::Duration;

use taskpilot_server::loops::{Loop, Tick, TickError, Wake};
use tokio::task::JoinHandle;

use super::reconcile::Reconcile;
use crate::app::App;

const EVERY: Duration = Duration::from_millis(200);

/// Starts all loops.
pub(crate) fn start(app: &Arc<App>) -> Vec<JoinHandle<()>> {
    let driver = Loop {
        name: "reconcile",
        interval: EVERY,
        wake: Wake::default(),
        clock: app.clock.clone(),
        shutdown: app.shutdown.clone(),
    };
    vec![driver.spawn(Arc::new(Reconcile(app.clone())))]
}

/// Runs each loop once.
pub(crate) async fn tick(app: &Arc<App>) -> Result<(), TickError> {
    Reconcile(app.clone()).tick(app.now()).await.map(drop)
}
