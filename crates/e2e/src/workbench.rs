//! The directory of one test: data of the services, handlers, gates and the ledger.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::process_table::{Process, processes_with};

const HANDLERS: &str = include_str!("handlers.toml");

/// What is seen of the `tree` handlers while they run: the main shell, two shells beside it, a
/// `sleep` of each, the one of the double fork, and the shell that has dropped its environment.
pub const TREE_PROCESSES: usize = 8;

/// Everything of one test that outlives its processes.
#[derive(Debug)]
pub struct Workbench {
    directory: TempDir,
}

impl Workbench {
    /// A new one.
    pub fn new() -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("taskpilot-e2e-")
            .tempdir()?;
        let bench = Self { directory };
        fs::create_dir(bench.path("gates"))?;
        fs::write(bench.path("ledger"), "")?;
        let text = HANDLERS.replace("@MARKER@", &bench.marker());
        let text = text.replace("@BENCH@", bench.root().to_str().context("a path in UTF-8")?);
        fs::write(bench.handlers(), text)?;
        Ok(bench)
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// The file that declares the handlers of these tests.
    pub fn handlers(&self) -> PathBuf {
        self.path("handlers.toml")
    }

    /// What the handlers wrote down.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.path("ledger"))
    }

    /// Lets one attempt of the `gate` handler end.
    pub fn open_gate(&self, execution: i64, attempt: u32) -> Result<()> {
        let gate = self.path("gates").join(format!("{execution}.{attempt}"));
        fs::write(gate, "").context("failed to open a gate")
    }

    /// The running processes of the handlers of this test.
    pub fn processes(&self) -> Result<Vec<Process>> {
        processes_with(&self.marker())
    }

    /// A word that only programs started by these handlers carry.
    fn marker(&self) -> String {
        let name = self.root().file_name().unwrap_or_default();
        format!("e2e-marker-of-{}", name.to_string_lossy())
    }
}

impl Drop for Workbench {
    /// A test that failed may leave work behind; it is not to disturb the others.
    fn drop(&mut self) {
        for process in self.processes().unwrap_or_default() {
            process.signal(Signal::KILL);
        }
    }
}
