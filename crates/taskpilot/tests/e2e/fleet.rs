//! The three roles as processes of their own, each of which can end and start again on its address.

use anyhow::Result;
use taskpilot_e2e::http::Http;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::run::Launch;
use taskpilot_e2e::taskpilot::Taskpilot;
use taskpilot_e2e::workbench::Workbench;

use crate::start::launch;

/// Where the roles of one test live. The processes are held by the test itself.
pub(crate) struct Fleet {
    pub(crate) bench: Workbench,
    control: ReservedPort,
    scheduler: ReservedPort,
    lease_ms: Option<u64>,
    containment: Option<&'static str>,
}

impl Fleet {
    /// A fleet with the lease of the product.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            bench: Workbench::new()?,
            control: ReservedPort::take()?,
            scheduler: ReservedPort::take()?,
            lease_ms: None,
            containment: None,
        })
    }

    /// A fleet whose leases are short, for tests that see them end.
    pub(crate) fn with_lease_ms(lease_ms: u64) -> Result<Self> {
        Ok(Self {
            lease_ms: Some(lease_ms),
            ..Self::new()?
        })
    }

    /// The same, with a setting of what encloses the work of its workers.
    pub(crate) fn contained(mut self, setting: &'static str) -> Self {
        self.containment = Some(setting);
        self
    }

    /// The control plane.
    pub(crate) fn control(&self) -> Http {
        Http::at(self.control.address())
    }

    /// The scheduler.
    pub(crate) fn scheduler(&self) -> Http {
        Http::at(self.scheduler.address())
    }

    /// Starts the control plane and waits until it is ready.
    pub(crate) async fn start_control(&self) -> Result<Taskpilot> {
        let mut process = launch(&self.bench)
            .args(["control"])
            .option("--data", self.bench.path("control"))
            .option("--listen", self.control.address().to_string())
            .option("--scheduler-url", self.scheduler.url())
            .spawn("control")?;
        assert_eq!(process.control().await?, self.control());
        Ok(process)
    }

    /// Starts the scheduler and waits until it is ready.
    pub(crate) async fn start_scheduler(&self) -> Result<Taskpilot> {
        let mut launch = launch(&self.bench)
            .args(["scheduler"])
            .option("--data", self.bench.path("scheduler"))
            .option("--listen", self.scheduler.address().to_string());
        if let Some(lease_ms) = self.lease_ms {
            launch = launch.option("--lease-ms", lease_ms.to_string());
        }
        let mut process = launch.spawn("scheduler")?;
        assert_eq!(process.scheduler().await?, self.scheduler());
        Ok(process)
    }

    /// Starts a worker for the default queue; it is ready when the scheduler lists it.
    pub(crate) fn start_worker(&self, name: &str) -> Result<Taskpilot> {
        self.worker(name).spawn(name)
    }

    /// Starts such a worker that reaches the scheduler by another way.
    pub(crate) fn start_worker_at(&self, name: &str, scheduler_url: &str) -> Result<Taskpilot> {
        self.worker_at(name, scheduler_url).spawn(name)
    }

    /// Starts such a worker with a log that tells of everything it does.
    pub(crate) fn start_talkative_worker(&self, name: &str) -> Result<Taskpilot> {
        self.worker(name).env("TASKPILOT_LOG", "debug").spawn(name)
    }

    fn worker(&self, name: &str) -> Launch {
        self.worker_at(name, &self.scheduler.url())
    }

    fn worker_at(&self, name: &str, scheduler_url: &str) -> Launch {
        let launch = launch(&self.bench)
            .args(["worker"])
            .option("--scheduler-url", scheduler_url)
            .option("--handlers", self.bench.handlers())
            .option("--slots", "4")
            .option("--queues", "default")
            .option("--name", name)
            .option("--data", self.bench.path(name));
        match self.containment {
            Some(setting) => launch.option("--containment", setting),
            None => launch,
        }
    }
}
