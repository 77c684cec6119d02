//! How the control plane does: its store, its scheduler, its loops.

use taskpilot_api::health::{Check, Readiness};
use taskpilot_client::scheduler::Probe;
use taskpilot_client::transport::NoAnswerKind;
use taskpilot_server::context::RequestContext;
use taskpilot_server::health::{Pulses, Watch};

use crate::app::App;
use crate::scheduler::behalf;

/// What is known of it.
#[derive(Debug)]
pub(crate) struct Health {
    store: Watch,
    scheduler: Watch,
    loops: Watch,
    pub(crate) pulses: Pulses,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            store: Watch::new("store"),
            scheduler: Watch::new("scheduler"),
            loops: Watch::new("loops"),
            pulses: Pulses::default(),
        }
    }
}

/// Whether calls should be sent here. Without its scheduler it can do little of what it is for.
pub(crate) async fn read(app: &App, context: &RequestContext) -> Readiness {
    let (health, clock) = (&app.health, app.clock.as_ref());
    let loops = async { health.pulses.check(clock.boot_ms()) };
    let checks: [Check; 3] = tokio::join!(
        health.store.check(clock, store(app)),
        health.scheduler.check(clock, scheduler(app, context)),
        health.loops.check(clock, loops),
    )
    .into();
    Readiness::of(app.shutdown.is_announced(), checks.into())
}

/// The cause is in the log: it may name paths.
async fn store(app: &App) -> Result<(), String> {
    let told = app.store.check().await;
    told.map_err(|_| "writes have stopped after a storage error".into())
}

async fn scheduler(app: &App, context: &RequestContext) -> Result<(), String> {
    let on = behalf::of_request(context);
    match app.scheduler.glance(&on).await {
        Ok(Probe::Offers(_)) => Ok(()),
        Ok(Probe::Other(answer)) => Err(format!("it answers {}", answer.status.as_u16())),
        Err(silence) => Err(match silence.kind {
            NoAnswerKind::Unreachable => "it cannot be reached".into(),
            NoAnswerKind::TimedOut => "no answer in time".into(),
            NoAnswerKind::Broken => "no usable answer".into(),
        }),
    }
}
