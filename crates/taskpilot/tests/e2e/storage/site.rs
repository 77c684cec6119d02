//! Both services, each on a storage that a test can make fail.

use anyhow::Result;
use taskpilot_e2e::http::Http;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::run::Launch;
use taskpilot_e2e::storage::StorageFaults;
use taskpilot_e2e::taskpilot::Taskpilot;
use taskpilot_e2e::workbench::Workbench;

use crate::start::launch;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Control,
    Scheduler,
}

impl Service {
    pub(super) const BOTH: [Self; 2] = [Self::Control, Self::Scheduler];

    fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Scheduler => "scheduler",
        }
    }
}

/// Where they live, whether or not they run.
pub(super) struct Site {
    pub(super) bench: Workbench,
    ports: [ReservedPort; 2],
    storages: [StorageFaults; 2],
}

/// The running services.
pub(super) struct Running {
    _control: Taskpilot,
    _scheduler: Taskpilot,
}

impl Site {
    pub(super) fn new() -> Result<Self> {
        let bench = Workbench::new()?;
        let storage = |service: Service| StorageFaults::of(&bench.path(service.name()));
        let [control, scheduler] = Service::BOTH.map(storage);
        let storages = [control?, scheduler?];
        Ok(Self {
            bench,
            ports: [ReservedPort::take()?, ReservedPort::take()?],
            storages,
        })
    }

    pub(super) fn http(&self, service: Service) -> Http {
        Http::at(self.ports[service as usize].address())
    }

    pub(super) fn storage(&self, service: Service) -> &StorageFaults {
        &self.storages[service as usize]
    }

    /// A service on its storage, to be started.
    pub(super) fn launch(&self, service: Service) -> Launch {
        let launch = launch(&self.bench)
            .args([service.name()])
            .option("--data", self.bench.path(service.name()))
            .option(
                "--listen",
                self.ports[service as usize].address().to_string(),
            );
        let launch = match service {
            Service::Control => {
                launch.option("--scheduler-url", self.http(Service::Scheduler).url())
            }
            Service::Scheduler => launch,
        };
        self.storage(service).under(launch)
    }

    /// Starts both on storages that are well.
    pub(super) async fn start(&self) -> Result<Running> {
        for storage in &self.storages {
            storage.fail_sync(None)?;
            storage.fail_writes(None)?;
        }
        let mut scheduler = self.launch(Service::Scheduler).spawn("scheduler")?;
        let mut control = self.launch(Service::Control).spawn("control")?;
        scheduler.scheduler().await?;
        control.control().await?;
        Ok(Running {
            _control: control,
            _scheduler: scheduler,
        })
    }
}
