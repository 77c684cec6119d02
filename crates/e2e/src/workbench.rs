//! The directory of one test: data of the services, handlers, gates and the ledger.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::ledger::{Ledger, Mark};
use crate::process_table::{Process, processes_with};
use crate::wait::{SOON, wait_until};

const HANDLERS: &str = include_str!("handlers.toml");

/// What is seen of the `tree` handlers while they run, by the beginning of the command line: the
/// main shell, two shells beside it, a `sleep` of each, the one of the double fork, and the shell
/// that has dropped its environment.
const TREE: [&str; 8] = [
    "/bin/sh -c ",
    "sh -c sleep 600; true",
    "sh -c sleep 602; true",
    "sh -c while :; do sleep 1; done e2e-marker",
    "sleep 600",
    "sleep 601",
    "sleep 602",
    "sleep 603",
];

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

    /// Waits until the work of an execution has begun in its first attempt.
    pub async fn begun(&self, execution: i64) -> Result<()> {
        self.marked(&Mark::first("start", execution), SOON).await
    }

    /// Waits until a mark is in the ledger.
    pub async fn marked(&self, mark: &Mark, within: Duration) -> Result<()> {
        wait_until(&format!("{mark:?} is in the ledger"), within, || async {
            Ok(self.ledger().has(mark)?.then_some(()))
        })
        .await
    }

    /// Waits until a `tree` handler runs with all that it starts, and gives its processes.
    pub async fn whole_tree(&self) -> Result<Vec<Process>> {
        wait_until("the tree is whole", SOON, || async {
            let processes = self.processes()?;
            Ok(is_whole_tree(&processes).then_some(processes))
        })
        .await
    }

    /// Waits until nothing runs any more.
    pub async fn deserted(&self) -> Result<()> {
        wait_until("no process is left", SOON, || async {
            Ok(self.processes()?.is_empty().then_some(()))
        })
        .await
    }

    /// A word that only programs started by these handlers carry.
    fn marker(&self) -> String {
        let name = self.root().file_name().unwrap_or_default();
        format!("e2e-marker-of-{}", name.to_string_lossy())
    }
}

/// Whether these are the processes of a tree and no others. A child that was forked and has not
/// become its program yet has the command line of its parent: then there is one too many of those,
/// or one too few of what it will be.
fn is_whole_tree(processes: &[Process]) -> bool {
    let of = |command: &str| {
        let begins = |process: &&Process| process.command.starts_with(command);
        processes.iter().filter(begins).count()
    };
    processes.len() == TREE.len() && TREE.iter().all(|command| of(command) == 1)
}

impl Drop for Workbench {
    /// A test that failed may leave work behind; it is not to disturb the others.
    fn drop(&mut self) {
        for process in self.processes().unwrap_or_default() {
            process.signal(Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_whole_when_every_child_has_become_its_program() {
        let process = |pid: usize, command: &str| Process {
            pid: i32::try_from(pid).unwrap(),
            parent: 1,
            command: command.to_owned(),
        };
        let mut tree: Vec<Process> = TREE
            .iter()
            .enumerate()
            .map(|(pid, command)| process(pid, command))
            .collect();
        assert!(is_whole_tree(&tree));
        // The double fork, before it becomes `sleep 601`.
        tree[5] = process(5, TREE[0]);
        assert!(!is_whole_tree(&tree));
        tree.push(process(9, "sleep 601"));
        assert!(!is_whole_tree(&tree));
    }
}
