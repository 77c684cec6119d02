//! The three roles as processes of their own, one of which may be armed.

use std::cell::RefCell;

use anyhow::{Context, Result};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::ports::ReservedPort;
use taskpilot_e2e::process_table;
use taskpilot_e2e::run::Launch;
use taskpilot_e2e::taskpilot::{Signal, Taskpilot};
use taskpilot_e2e::wait::SOON;
use taskpilot_e2e::workbench::Workbench;
use taskpilot_fault::Setting;

use crate::start::launch;

/// Short, so that nobody waits long for its end, and long enough for a busy machine.
const LEASE_MS: &str = "6000";
/// Half of it is for work that ends by itself.
const DRAIN_MS: &str = "2000";

const HANDLERS: &str = include_str!("handlers.toml");

/// A role of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Control,
    Scheduler,
    Worker,
}

/// A process of a role. One that is armed is held by who watches it.
struct Running {
    role: Role,
    pid: i32,
    process: Option<Taskpilot>,
}

/// Where the roles of one case live.
pub(crate) struct World {
    running: RefCell<Vec<Running>>,
    pub(crate) bench: Workbench,
    control: ReservedPort,
    scheduler: ReservedPort,
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        let bench = Workbench::new()?;
        let ours = HANDLERS.replace("@BENCH@", bench.root().to_str().context("a path in UTF-8")?);
        let all = std::fs::read_to_string(bench.handlers())?;
        let marker = all
            .lines()
            .find_map(|line| line.split("E2E_MARKER = \"").nth(1)?.split('"').next())
            .context("handlers without a marker")?;
        std::fs::write(bench.handlers(), ours.replace("@MARKER@", marker))?;
        Ok(Self {
            running: RefCell::default(),
            bench,
            control: ReservedPort::take()?,
            scheduler: ReservedPort::take()?,
        })
    }

    /// The control plane.
    pub(crate) fn control(&self) -> Http {
        Http::at(self.control.address())
    }

    /// The scheduler.
    pub(crate) fn scheduler(&self) -> Http {
        Http::at(self.scheduler.address())
    }

    /// Starts everything.
    pub(crate) async fn start_all(&self) -> Result<()> {
        self.start(Role::Scheduler).await?;
        self.start(Role::Control).await?;
        self.start(Role::Worker).await
    }

    /// Starts a role and waits until a service is ready.
    pub(crate) async fn start(&self, role: Role) -> Result<()> {
        let process = ready(role, self.launch(role).spawn(&self.name(role))?).await?;
        self.enter(role, process.pid(), Some(process))
    }

    /// The same with a fault in it.
    pub(crate) async fn start_armed(&self, role: Role, setting: Setting) -> Result<Taskpilot> {
        let launch = self
            .launch(role)
            .env("TASKPILOT_FAULT", setting.to_string());
        let process = ready(role, launch.spawn(&self.name(role))?).await?;
        self.enter(role, process.pid(), None)?;
        Ok(process)
    }

    /// Kills the process of a role that is not armed.
    pub(crate) async fn crash(&self, role: Role) -> Result<()> {
        let process = self.last(role, |running| running.process.take())?;
        process.context("it is armed")?.crash().await
    }

    /// Asks the worker to end.
    pub(crate) async fn end_worker(&self) -> Result<()> {
        let process = self.last(Role::Worker, |running| running.process.take())?;
        let Some(mut process) = process else {
            let pid = self.last(Role::Worker, |running| running.pid)?;
            process_table::signal(pid, Signal::TERM);
            return Ok(());
        };
        process.signal(Signal::TERM)?;
        process.ended(SOON).await.map(drop)
    }

    /// Lets all work end.
    pub(crate) fn open_gate(&self) -> Result<()> {
        let gate = self.bench.path("gates").join("open");
        std::fs::write(gate, "").context("failed to open the gate")
    }

    fn enter(&self, role: Role, pid: u32, process: Option<Taskpilot>) -> Result<()> {
        let pid = i32::try_from(pid)?;
        self.running
            .borrow_mut()
            .push(Running { role, pid, process });
        Ok(())
    }

    fn last<T>(&self, role: Role, of: impl FnOnce(&mut Running) -> T) -> Result<T> {
        let mut running = self.running.borrow_mut();
        let last = running.iter_mut().rfind(|running| running.role == role);
        Ok(of(last.context("it never ran")?))
    }

    /// Each life has a log of its own.
    fn name(&self, role: Role) -> String {
        format!("{role:?}-{}", self.running.borrow().len())
    }

    fn launch(&self, role: Role) -> Launch {
        let launch = launch(&self.bench);
        match role {
            Role::Control => launch
                .args(["control"])
                .option("--data", self.bench.path("control"))
                .option("--listen", self.control.address().to_string())
                .option("--scheduler-url", self.scheduler.url()),
            Role::Scheduler => launch
                .args(["scheduler"])
                .option("--data", self.bench.path("scheduler"))
                .option("--listen", self.scheduler.address().to_string())
                .option("--lease-ms", LEASE_MS),
            Role::Worker => launch
                .args(["worker"])
                .option("--data", self.bench.path("worker"))
                .option("--scheduler-url", self.scheduler.url())
                .option("--handlers", self.bench.handlers())
                .option("--slots", "4")
                .option("--drain-ms", DRAIN_MS),
        }
    }
}

/// A worker says nothing when it is ready.
async fn ready(role: Role, mut process: Taskpilot) -> Result<Taskpilot> {
    match role {
        Role::Control => drop(process.control().await?),
        Role::Scheduler => drop(process.scheduler().await?),
        Role::Worker => {}
    }
    Ok(process)
}
