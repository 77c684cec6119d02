//! Attempts: one numbered try of an execution by one worker, kept until retention.

use std::sync::Arc;

use taskpilot_domain::execution::AttemptEnd;
use taskpilot_domain::ids::{AttemptNumber, SessionId};
use taskpilot_domain::names::WorkerName;
use taskpilot_domain::time::Timestamp;

use super::stops::StopRecord;

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptError {
    /// Stable `snake_case` code, from the handler or from the system.
    pub code: String,
    /// For people.
    pub message: String,
}

/// The ends of what an attempt printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputTail {
    /// The last bytes of standard output, as UTF-8.
    pub stdout: String,
    /// The last bytes of standard error, as UTF-8.
    pub stderr: String,
    /// Whether standard output had more before these bytes.
    pub stdout_truncated: bool,
    /// Whether standard error had more before these bytes.
    pub stderr_truncated: bool,
}

/// How the program of an attempt ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// A report that came after its execution was decided otherwise, or after its attempt was stopped:
/// evidence, never the outcome. The first one stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateReport {
    /// When it came.
    pub at: Timestamp,
    /// What it reported: `succeeded`, `failed`, `released` or `interrupted`.
    pub outcome: AttemptEnd,
    /// How many bytes the result has that it brought, if it did.
    pub result_bytes: Option<u64>,
    /// That result (JSON text), if it has at most `LATE_RESULT_BYTES_MAX` bytes.
    pub result: Option<Arc<str>>,
    /// Why the work failed, if it did.
    pub error: Option<AttemptError>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRecord {
    /// Its number.
    pub number: AttemptNumber,
    /// The session that held it.
    pub session: SessionId,
    /// The name of that session's worker.
    pub worker: WorkerName,
    /// The claim commit.
    pub claimed_at: Timestamp,
    /// When its worker was told that it may begin, where it asked.
    pub confirmed_at: Option<Timestamp>,
    /// When its fate was decided.
    pub ended_at: Option<Timestamp>,
    /// Its fate.
    pub end: Option<AttemptEnd>,
    /// Why it failed.
    pub error: Option<AttemptError>,
    /// How its program ended.
    pub exit: Exit,
    /// What it printed last.
    ///
    /// Only the latest `OUTPUTS_TOLD_MAX` attempts of an execution that printed anything show it.
    pub output: Option<Arc<OutputTail>>,
    /// A report that came too late.
    pub late: Option<LateReport>,
    /// Its stop, if it was stopped.
    pub stop: Option<StopRecord>,
}
