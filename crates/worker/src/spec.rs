//! What a supervisor is told to run, and the times it has to keep.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use taskpilot_domain::limits::{
    CANCEL_GRACE_MS_DEFAULT, KILL_MS, LEASE_KILL_MARGIN_MS, LEASE_TERMINATE_MARGIN_MS,
    OUTPUT_TAIL_BYTES_DEFAULT,
};

use crate::clock::BootInstant;
use crate::groups::Group;
use crate::limits::ORPHAN_GRACE_MS;

/// The variable that carries [`CommandSpec::marker`] into every process of the tree.
pub const MARKER_VARIABLE: &str = "TASKPILOT_MARKER";

/// The variable that names [`CommandSpec::stop_file`] to the program.
pub const STOP_FILE_VARIABLE: &str = "TASKPILOT_STOP_FILE";

/// The variable that names [`CommandSpec::cleanup_file`] to the program.
pub const CLEANUP_FILE_VARIABLE: &str = "TASKPILOT_CLEANUP_FILE";

/// One command: what one attempt runs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// The program and its arguments, passed on exactly; no shell. A program without a slash is
    /// looked up in the `PATH` of `environment`; one with a slash is relative to `directory`.
    pub argv: Vec<String>,
    /// The whole environment of the program, but for the marker, which is added.
    pub environment: BTreeMap<String, String>,
    /// The directory in which the program starts.
    pub directory: PathBuf,
    /// What the program reads on its standard input, which is closed after it.
    #[serde(skip)]
    pub stdin: Vec<u8>,
    /// 128 random bits in text, different for every command: by it a later worker knows what is
    /// left of a tree whose supervisor was killed too.
    pub marker: String,
    /// What this is, for the journal and its readers ("execution 12, attempt 1").
    pub subject: String,
    /// When the lease under which this runs ends; extended by the worker.
    pub lease_end: BootInstant,
    /// Where the program finds why it is stopped: written and closed before its first signal, and
    /// removed when nothing of its tree is left. In UTF-8.
    pub stop_file: Option<PathBuf>,
    /// Where the program of a cleanup finds what it is about: written before the program starts, and
    /// removed with the former.
    pub cleanup_file: Option<CleanupFile>,
    /// Bytes kept of the end of each output; at most the default.
    pub output_tail_bytes: usize,
    /// The control group to make for it, where one is wanted.
    pub group: Option<Group>,
    /// What the program and everything it starts may use.
    pub limits: ResourceLimits,
    /// The times to keep.
    pub timing: Timing,
}

/// A file for the program of a cleanup.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanupFile {
    /// Where it is. In UTF-8.
    pub path: PathBuf,
    /// What stands in it; for the worker, which writes it.
    #[serde(skip)]
    pub text: Vec<u8>,
}

/// What each process of a command may use; `None` is as much as the worker may (`getrlimit(2)`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimits {
    /// Bytes of address space (`RLIMIT_AS`).
    pub memory_bytes: Option<u64>,
    /// Seconds of processor time, then SIGXCPU, and SIGKILL a second later (`RLIMIT_CPU`).
    pub cpu_seconds: Option<u64>,
    /// Open files (`RLIMIT_NOFILE`).
    pub open_files: Option<u64>,
    /// Bytes of one file that it writes (`RLIMIT_FSIZE`).
    pub file_bytes: Option<u64>,
}

impl fmt::Debug for CommandSpec {
    // Arguments, environment and input may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSpec")
            .field("program", &self.argv.first())
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl CommandSpec {
    /// A command with nothing but its program, an empty environment, in the root directory.
    pub fn new(argv: Vec<String>, marker: String, lease_end: BootInstant) -> Self {
        Self {
            argv,
            environment: BTreeMap::new(),
            directory: PathBuf::from("/"),
            stdin: Vec::new(),
            marker,
            subject: String::new(),
            lease_end,
            stop_file: None,
            cleanup_file: None,
            output_tail_bytes: OUTPUT_TAIL_BYTES_DEFAULT,
            group: None,
            limits: ResourceLimits::default(),
            timing: Timing::default(),
        }
    }
}

/// How long each step towards the end of a tree may take, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Grace of a stop that somebody asks of the supervisor itself, by a signal (`kill`, an init
    /// system that signals the whole unit). An order of the worker brings its own.
    pub grace_ms: u64,
    /// Grace when the worker is gone.
    pub orphan_grace_ms: u64,
    /// Time from the first SIGKILL until the tree counts as stuck.
    pub kill_ms: u64,
    /// SIGTERM is sent so long before the lease ends.
    pub lease_terminate_margin_ms: u64,
    /// SIGKILL is sent so long before the lease ends, whatever the grace.
    pub lease_kill_margin_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            grace_ms: CANCEL_GRACE_MS_DEFAULT,
            orphan_grace_ms: ORPHAN_GRACE_MS,
            kill_ms: KILL_MS,
            lease_terminate_margin_ms: LEASE_TERMINATE_MARGIN_MS,
            lease_kill_margin_ms: LEASE_KILL_MARGIN_MS,
        }
    }
}
