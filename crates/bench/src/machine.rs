//! Where a measurement was made: without it no figure means anything.

use std::fs;
use std::path::Path;

use serde::Serialize;
use taskpilot_store_sqlite::Floor;

/// The machine and what ran on it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    pub(crate) taskpilot: &'static str,
    pub(crate) build: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) kernel: String,
    pub(crate) architecture: String,
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) memory_mib: u64,
    /// Runnable processes, averaged over the minute before: what else was going on.
    pub(crate) load: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let system = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            taskpilot: env!("CARGO_PKG_VERSION"),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            sqlite: Floor::library(),
            kernel: text(system.release()),
            architecture: text(system.machine()),
            processor: value_of("/proc/cpuinfo", "model name").unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: value_of("/proc/meminfo", "MemTotal")
                .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
                .map_or(0, |kib| kib / 1024),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    /// For people: names and values.
    pub(crate) fn facts(&self) -> [(&'static str, String); 7] {
        [
            (
                "TaskPilot",
                format!("{} ({} build)", self.taskpilot, self.build),
            ),
            ("SQLite", self.sqlite.to_owned()),
            (
                "Kernel",
                format!("Linux {}, {}", self.kernel, self.architecture),
            ),
            ("Processor", self.processor.clone()),
            ("Processors", self.processors.to_string()),
            ("Memory", format!("{} MiB", self.memory_mib)),
            ("Load before it began", self.load.clone()),
        ]
    }
}

/// Device, place and type of the file system that a directory is on.
pub(crate) fn file_system_of(directory: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let directory = fs::canonicalize(directory).unwrap_or_default();
    let under = |line: &&str| {
        let place = line.split(' ').nth(1).unwrap_or_default();
        directory.starts_with(place)
    };
    let place_length = |line: &&str| line.split(' ').nth(1).map_or(0, str::len);
    let found = mounts.lines().filter(under).max_by_key(place_length);
    let words = found.unwrap_or_default().split(' ').take(3);
    words.collect::<Vec<_>>().join(" ")
}

/// The value of the first line `name: value` of a file of the kernel.
pub(crate) fn value_of(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(known, _)| known.trim() == name);
    found.map(|(_, value)| value.trim().to_owned())
}
