//! How the scheduler does: its store, its loops, and whether leases can end yet.

use taskpilot_api::health::{Check, Readiness};
use taskpilot_server::health::{Pulses, Watch};

use crate::app::App;

/// What is known of it.
#[derive(Debug)]
pub(crate) struct Health {
    store: Watch,
    loops: Watch,
    pub(crate) pulses: Pulses,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            store: Watch::new("store"),
            loops: Watch::new("loops"),
            pulses: Pulses::default(),
        }
    }
}

/// Whether calls should be sent here.
pub(crate) async fn read(app: &App) -> Readiness {
    let (health, clock) = (&app.health, app.clock.as_ref());
    let loops = async { health.pulses.check(clock.boot_ms()) };
    let (store, loops) = tokio::join!(
        health.store.check(clock, store(app)),
        health.loops.check(clock, loops),
    );
    Readiness::of(app.shutdown.is_announced(), vec![store, loops, leases(app)])
}

/// The cause is in the log: it may name paths.
async fn store(app: &App) -> Result<(), String> {
    let told = app.store.check().await;
    told.map_err(|_| "writes have stopped after a storage error".into())
}

/// After an outage of ours leases do not end for a while: it serves, but hands nothing over.
fn leases(app: &App) -> Check {
    let until = app.outages.excused_until(app.clock.now());
    Check {
        detail: until.map(|until| format!("nothing expires until {until}")),
        ..Check::ok("leases")
    }
}
