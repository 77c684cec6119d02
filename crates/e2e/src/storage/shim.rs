//! The library that is preloaded into the binary: compiled, handed over, and steered by a file that
//! both of them map.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;

use crate::run::Launch;

const SOURCE: &str = include_str!("faults.c");

/// Where the numbers of `struct orders` stand.
const FAIL_SYNC: u64 = 0;
const SYNCS: u64 = 8;
const FAIL_WRITES: u64 = 16;
const FAILED: u64 = 24;
const THREAD: u64 = 32;
const BYTES: u64 = 48;

/// How every write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sick {
    /// No space is left.
    Full,
    /// The file system has become read-only.
    ReadOnly,
}

/// The failing storage of one directory, for one process at a time.
#[derive(Debug)]
pub struct StorageFaults {
    library: PathBuf,
    orders: PathBuf,
    directory: PathBuf,
    shared: File,
}

impl StorageFaults {
    /// Prepares it for a directory, with files of its own beside that; nothing fails yet.
    pub fn of(directory: &Path) -> Result<Self> {
        let beside = |extension: &str| directory.with_extension(extension);
        let (source, library, orders) = (beside("c"), beside("so"), beside("orders"));
        fs::write(&source, SOURCE)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
        let compiled = compiler.arg(&library).arg(&source).arg("-ldl").output();
        let compiled = compiled.context("no C compiler: install one that is called cc")?;
        let said = String::from_utf8_lossy(&compiled.stderr);
        ensure!(compiled.status.success(), "cc failed: {said}");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let shared = options.open(&orders)?;
        shared.set_len(BYTES)?;
        Ok(Self {
            library,
            orders,
            directory: directory.to_owned(),
            shared,
        })
    }

    /// The same process with this storage under it.
    pub fn under(&self, launch: Launch) -> Launch {
        launch
            .env("LD_PRELOAD", &self.library)
            .env("E2E_STORAGE_ORDERS", &self.orders)
            .env("E2E_STORAGE_DIRECTORY", &self.directory)
    }

    /// Lets the n-th sync from now on fail, that one alone; `None` lets all be well.
    pub fn fail_sync(&self, n: Option<u64>) -> Result<()> {
        self.set(FAIL_SYNC, 0)?;
        self.set(SYNCS, 0)?;
        self.set(FAIL_SYNC, n.unwrap_or(0))
    }

    /// Syncs since [`Self::fail_sync`] was last called.
    pub fn syncs(&self) -> Result<u64> {
        self.get(SYNCS)
    }

    /// Lets all writes fail, or be well again.
    pub fn fail_writes(&self, how: Option<Sick>) -> Result<()> {
        let error = how.map_or(0, |how| match how {
            Sick::Full => Errno::NOSPC.raw_os_error(),
            Sick::ReadOnly => Errno::ROFS.raw_os_error(),
        });
        self.set(FAIL_WRITES, u64::try_from(error)?)
    }

    /// Calls that failed so far: the evidence that the process runs on this storage.
    pub fn failed(&self) -> Result<u64> {
        self.get(FAILED)
    }

    /// The name of the thread whose sync failed last.
    pub fn failed_thread(&self) -> Result<String> {
        let mut name = [0; 16];
        self.shared.read_exact_at(&mut name, THREAD)?;
        let end = name.iter().position(|byte| *byte == 0);
        let name = &name[..end.unwrap_or(name.len())];
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    fn get(&self, at: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.shared.read_exact_at(&mut bytes, at)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn set(&self, at: u64, number: u64) -> Result<()> {
        Ok(self.shared.write_all_at(&number.to_ne_bytes(), at)?)
    }
}
