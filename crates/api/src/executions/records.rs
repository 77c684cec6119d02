//! What is recorded of an execution: its cancel, its stop, its attempts, its progress.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::json::JsonText;
use crate::open::{AttemptEndWord, ContainmentWord, HowWord, StopCauseWord, StopStatusWord};
use crate::schema;

/// Who canceled first, when and why. Exists only where the verdict is CANCELED; never rewritten:
/// who asked again is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelRecord {
    /// When the cancel was decided.
    #[schema(value_type = schema::Instant)]
    pub requested_at: Timestamp,
    /// The principal.
    pub requested_by: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// How often it was asked for again; a call that is repeated is not another request.
    #[serde(default)]
    pub later_request_count: u64,
    /// The latest 100 of these, the oldest first; the answer to a cancel tells only their number.
    #[serde(default)]
    pub later_requests: Vec<LaterRequest>,
}

/// A cancel request for what was canceled before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LaterRequest {
    /// When it came.
    #[schema(value_type = schema::Instant)]
    pub requested_at: Timestamp,
    /// The principal.
    pub requested_by: String,
    /// Why, for people.
    pub reason: Option<String>,
}

/// How far the stop of an attempt has come, apart from the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopRecord {
    /// How far it has come; it only moves forward.
    pub status: StopStatusWord,
    /// Why the attempt is stopped. Where nothing was leased: `PARENT` for what was canceled with the tree
    /// above it, else null.
    pub cause: Option<StopCauseWord>,
    /// When it was decided.
    #[schema(value_type = Option<schema::Instant>)]
    pub requested_at: Option<Timestamp>,
    /// When the worker had the order.
    #[schema(value_type = Option<schema::Instant>)]
    pub delivered_at: Option<Timestamp>,
    /// When the handler was signaled.
    #[schema(value_type = Option<schema::Instant>)]
    pub acknowledged_at: Option<Timestamp>,
    /// When it was settled, or given up.
    #[schema(value_type = Option<schema::Instant>)]
    pub ended_at: Option<Timestamp>,
    /// How the work ended, where that is proven.
    pub how: Option<HowWord>,
    /// What enclosed the processes.
    pub containment: Option<ContainmentWord>,
    /// What the worker saw.
    pub evidence: Option<Evidence>,
    /// The promised bound, only ever lowered; null for in-process handlers.
    #[schema(value_type = Option<schema::Instant>)]
    pub stops_by: Option<Timestamp>,
    /// Who freed what it holds although it is STUCK or ABANDONED; null where nobody did. It says
    /// nothing about the work, which may still run.
    pub released: Option<ReleaseRecord>,
}

/// Who took a stop on that failed, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRecord {
    /// When.
    #[schema(value_type = schema::Instant)]
    pub at: Timestamp,
    /// The principal.
    pub by: String,
    /// Why, for people.
    pub reason: String,
}

/// What a worker saw of the end of a process tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// Processes that were signaled: the program and its tree where it was stopped, else what it left.
    pub swept: Option<u32>,
    /// What answered that nothing is left: `waitpid`, `cgroup`, `journal` or `handler`.
    pub proof: Option<String>,
    /// Anything else for people; at most 500 characters.
    pub detail: Option<String>,
    /// Whether the promised bound passed while the session lived: so it became STUCK, unless its worker
    /// said more.
    pub overdue: Option<bool>,
}

/// One numbered try of an execution by one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptRecord {
    /// Its number.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
    /// The worker session that held it.
    pub worker_id: Option<String>,
    /// The name of that worker.
    pub worker_name: Option<String>,
    /// When it was claimed.
    #[schema(value_type = Option<schema::Instant>)]
    pub started_at: Option<Timestamp>,
    /// When its worker was told that the work may begin; null where its handler does not ask.
    #[schema(value_type = Option<schema::Instant>)]
    pub start_confirmed_at: Option<Timestamp>,
    /// When it ended for the scheduler; its work may still be stopping.
    #[schema(value_type = Option<schema::Instant>)]
    pub ended_at: Option<Timestamp>,
    /// How it ended; null while it runs.
    pub outcome: Option<AttemptEndWord>,
    /// Whether it counts against `maxAttempts`.
    pub counted: bool,
    /// Why it failed.
    pub error: Option<AttemptError>,
    /// Exit code of the command.
    pub exit_code: Option<i32>,
    /// Number of the signal that ended the command.
    pub signal: Option<i32>,
    /// The end of its output; told of the latest 16 attempts that had any.
    pub output: Option<OutputTail>,
    /// A report of its worker that came too late: after a cancel, or after the attempt was stopped.
    pub late: Option<LateReport>,
    /// Its stop, where one was ordered.
    pub stop: Option<StopRecord>,
}

/// How the work of an attempt ended that was decided otherwise before; never the outcome. The first
/// such report stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LateReport {
    /// When it came.
    #[schema(value_type = schema::Instant)]
    pub at: Timestamp,
    /// How the work ended.
    pub outcome: AttemptEndWord,
    /// Bytes of the result that it brought; null where it brought none.
    pub result_bytes: Option<u64>,
    /// That result, if it has at most 8 KiB.
    #[schema(value_type = JsonText, required = false)]
    pub result: Option<JsonText>,
    /// Why the work failed, if it did.
    pub error: Option<AttemptError>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AttemptError {
    /// A short code; at most 64 characters.
    pub code: String,
    /// What happened, for people; at most 2,000 characters.
    pub message: String,
}

/// A failure as its handler reported it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Failure {
    /// A short code; at most 64 characters.
    pub code: String,
    /// What happened, for people; at most 2,000 characters.
    pub message: String,
    /// Whether another attempt could help.
    pub retryable: bool,
}

/// The end of what an attempt wrote; what was not UTF-8 is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OutputTail {
    /// End of the standard output; at most 64 KiB.
    pub stdout: String,
    /// End of the standard error; at most 64 KiB.
    pub stderr: String,
    /// Whether more was written to the standard output before.
    pub stdout_truncated: bool,
    /// Whether more was written to the standard error before.
    pub stderr_truncated: bool,
}

/// The latest word of a running attempt; not a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The attempt that said so.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
    /// 0 to 100.
    pub percent: Option<u8>,
    /// One line for people.
    pub message: Option<String>,
    /// When the scheduler heard it.
    #[schema(value_type = schema::Instant)]
    pub at: Timestamp,
}
