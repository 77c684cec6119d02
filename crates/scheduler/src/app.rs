//! What every call of the scheduler works with.

use std::sync::Arc;

use taskpilot_domain::limits::{HEARTBEAT_MS, LEASE_MS};
use taskpilot_domain::retention::Retention;
use taskpilot_server::clock::Clock;
use taskpilot_server::loops::{TickError, Wake};
use taskpilot_server::shutdown::Shutdown;
use taskpilot_server::steadiness::Steadiness;
use taskpilot_store::scheduler::SchedulerStore;
use tokio::task::JoinHandle;

use crate::health::Health;
use crate::hub::Hub;
use crate::loops;
use crate::outages::Outages;
use crate::progress::ProgressBoard;
use crate::sessions::known::KnownSessions;

/// Settings of a scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Length of a worker's lease in milliseconds.
    pub lease_ms: u64,
    /// Time between a worker's heartbeats in milliseconds.
    pub heartbeat_ms: u64,
    /// How long what is final is kept.
    pub retention: Retention,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lease_ms: LEASE_MS,
            heartbeat_ms: HEARTBEAT_MS,
            retention: Retention::default(),
        }
    }
}

impl Config {
    /// A lease of this length, with six heartbeats in it as the default has.
    pub fn with_lease_ms(lease_ms: u64) -> Self {
        Self {
            lease_ms,
            heartbeat_ms: (lease_ms / 6).clamp(1, HEARTBEAT_MS),
            ..Self::default()
        }
    }
}

/// One scheduler.
pub struct App {
    pub(crate) store: Arc<dyn SchedulerStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
    pub(crate) config: Config,
    pub(crate) hub: Arc<Hub>,
    pub(crate) progress: ProgressBoard,
    pub(crate) outages: Outages,
    pub(crate) sessions: KnownSessions,
    pub(crate) health: Health,
    /// Wakes the loop that decides what stands below closed trees.
    pub(crate) descendants: Wake,
    pub(crate) steadiness: Steadiness,
}

impl App {
    /// A scheduler on this store. Nothing runs before [`App::start`].
    pub fn new(
        store: Arc<dyn SchedulerStore>,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
        config: Config,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            shutdown,
            config,
            hub: Arc::default(),
            progress: ProgressBoard::default(),
            outages: Outages::default(),
            sessions: KnownSessions::default(),
            health: Health::default(),
            descendants: Wake::default(),
            steadiness: Steadiness::default(),
        })
    }

    /// Starts the loops, and the routing of changes to those who wait for them. They end with the
    /// shutdown.
    pub fn start(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let mut running = loops::start(self);
        running.push(self.route_changes());
        running
    }

    /// Brings changes to those who wait for them, without the loops: for whoever ticks by hand.
    pub fn route_changes(self: &Arc<Self>) -> JoinHandle<()> {
        let (app, changes) = (self.clone(), self.store.changes());
        tokio::spawn(async move {
            tokio::select! {
                () = app.hub.route(changes) => {}
                () = app.shutdown.requested() => {}
            }
        })
    }

    /// Claims that wait for work just now.
    pub fn waiting_claims(&self) -> usize {
        self.hub.waiting_claims()
    }

    /// Runs each loop once by hand. Answers how many rows that moved.
    pub async fn tick(self: &Arc<Self>) -> Result<u64, TickError> {
        loops::tick_all(self).await
    }
}
