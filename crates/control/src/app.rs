//! What every call of the control plane works with.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use taskpilot_client::scheduler::SchedulerClient;
use taskpilot_client::transport::{InvalidTarget, Policy};
use taskpilot_domain::time::Timestamp;
use taskpilot_server::clock::Clock;
use taskpilot_server::loops::{TickError, Wake};
use taskpilot_server::shutdown::Shutdown;
use taskpilot_server::steadiness::Steadiness;
use taskpilot_store::control::ControlStore;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::bindings::flights::Flights;
use crate::health::Health;
use crate::loops;

/// Settings of a control plane.
#[derive(Debug)]
pub struct Config {
    scheduler: SchedulerClient,
    call_time: Duration,
}

impl Config {
    /// In front of the scheduler at `scheduler_url`, such as `http://127.0.0.1:8080`. It need not be
    /// there.
    pub fn new(scheduler_url: &str) -> Result<Self, InvalidTarget> {
        Self::with_policy(scheduler_url, Policy::default())
    }

    /// The same with other deadlines.
    pub fn with_policy(scheduler_url: &str, policy: Policy) -> Result<Self, InvalidTarget> {
        let scheduler = SchedulerClient::new(scheduler_url, policy)?;
        Ok(Self {
            scheduler,
            call_time: policy.overall,
        })
    }
}

/// One control plane.
pub struct App {
    pub(crate) store: Arc<dyn ControlStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
    pub(crate) scheduler: SchedulerClient,
    /// How long a call to the scheduler may take in all.
    pub(crate) call_time: Duration,
    pub(crate) flights: Flights,
    pub(crate) health: Health,
    pub(crate) steadiness: Steadiness,
    /// Wakes the loop that carries on cancels of many.
    pub(crate) cancellations: Wake,
    /// Told of each step that one of them came on.
    pub(crate) carried_on: watch::Sender<()>,
    /// Whether the reconciler has looked at what the life before left unfinished.
    pub(crate) has_looked_back: AtomicBool,
}

impl App {
    /// A control plane on this store. Nothing runs before [`App::start`].
    pub fn new(
        store: Arc<dyn ControlStore>,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
        config: Config,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            shutdown,
            scheduler: config.scheduler,
            call_time: config.call_time,
            flights: Flights::default(),
            health: Health::default(),
            steadiness: Steadiness::default(),
            cancellations: Wake::default(),
            carried_on: watch::Sender::default(),
            has_looked_back: AtomicBool::new(false),
        })
    }

    /// Starts the loops. They end with the shutdown, and after the last drive of a binding.
    pub fn start(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let mut running = loops::start(self);
        let app = Arc::clone(self);
        running.push(tokio::spawn(async move {
            app.shutdown.requested().await;
            app.flights.all_landed().await;
        }));
        running
    }

    /// Runs each loop once, for who steps the time by hand.
    pub async fn tick(self: &Arc<Self>) -> Result<(), TickError> {
        loops::tick(self).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
