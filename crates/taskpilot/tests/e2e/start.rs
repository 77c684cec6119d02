//! How the tests start the binary: all in one process, or the control plane alone.

use std::time::Duration;

use anyhow::Result;
use taskpilot_e2e::http::Http;
use taskpilot_e2e::run::Launch;
use taskpilot_e2e::stand_in::StandIn;
use taskpilot_e2e::taskpilot::Taskpilot;
use taskpilot_e2e::workbench::Workbench;

/// A free port of the loopback address.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";
/// Room for everything that has to end within the drain time.
pub(crate) const DRAIN: Duration = Duration::from_secs(30);

/// The real binary, to be started for a test.
pub(crate) fn launch(bench: &Workbench) -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_taskpilot"), bench)
}

/// `taskpilot up`: all roles in one process. The process ends before its directory goes.
pub(crate) struct Up {
    pub(crate) process: Taskpilot,
    pub(crate) control: Http,
    pub(crate) scheduler: Http,
    pub(crate) bench: Workbench,
}

impl Up {
    /// Starts it with the handlers of the tests.
    pub(crate) async fn start() -> Result<Self> {
        let bench = Workbench::new()?;
        let process = up(&bench).spawn("up")?;
        Self::when_ready(process, bench).await
    }

    /// Waits for a process that was started on this directory.
    pub(crate) async fn when_ready(mut process: Taskpilot, bench: Workbench) -> Result<Self> {
        let control = process.control().await?;
        let scheduler = process.scheduler().await?;
        Ok(Self {
            process,
            control,
            scheduler,
            bench,
        })
    }
}

/// The command line of `taskpilot up` on a directory, with the handlers of the tests.
pub(crate) fn up(bench: &Workbench) -> Launch {
    launch(bench)
        .args(["up"])
        .option("--data", bench.path("data"))
        .option("--control", ANY_PORT)
        .option("--scheduler", ANY_PORT)
        .option("--handlers", bench.handlers())
        .option("--slots", "4")
}

/// The control plane alone, in front of a stand-in for the scheduler.
pub(crate) struct ControlOnly {
    pub(crate) process: Taskpilot,
    pub(crate) control: Http,
    pub(crate) bench: Workbench,
}

impl ControlOnly {
    /// Starts it in front of a stand-in.
    pub(crate) async fn before(stand_in: &StandIn) -> Result<Self> {
        Self::on(Workbench::new()?, &stand_in.url()).await
    }

    /// Starts it on a directory, perhaps again.
    pub(crate) async fn on(bench: Workbench, scheduler_url: &str) -> Result<Self> {
        let mut process = launch(&bench)
            .args(["control"])
            .option("--data", bench.path("control"))
            .option("--listen", ANY_PORT)
            .option("--scheduler-url", scheduler_url)
            .spawn("control")?;
        let control = process.control().await?;
        Ok(Self {
            process,
            control,
            bench,
        })
    }

    /// Ends it at once and gives back its directory.
    pub(crate) async fn crash(self) -> Result<Workbench> {
        self.process.crash().await?;
        Ok(self.bench)
    }
}
