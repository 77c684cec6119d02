//! The execution of a task as the control plane tells it: its own contract, never the scheduler's JSON.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use super::records::{AttemptRecord, CancelRecord, Progress, StopRecord};
use crate::json::JsonText;
use crate::open::{BlockedByWord, PhaseWord, RetryStateWord, StateWord};
use crate::schema;

/// The execution of a task. What the scheduler did not send is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionView {
    /// Its id at the scheduler.
    #[schema(value_type = schema::Id)]
    pub scheduler_task_id: ExecutionId,
    /// Its state, in the scheduler's own word.
    pub status: StateWord,
    /// Attempts that count, the running one included.
    pub attempt_count: Option<u32>,
    /// Counted attempts it may have.
    pub max_attempts: Option<u32>,
    /// When it can next be claimed; null unless it waits.
    #[schema(value_type = Option<schema::Instant>)]
    pub next_run_at: Option<Timestamp>,
    /// Where it is on the way to its end; null for a state that is not known here.
    pub retry_state: Option<RetryStateWord>,
    /// The last failure, in one line.
    pub last_error: Option<String>,
    /// When it was or is due.
    #[schema(value_type = Option<schema::Instant>)]
    pub scheduled_for: Option<Timestamp>,
    /// The claim of its first counted attempt.
    #[schema(value_type = Option<schema::Instant>)]
    pub processing_started_at: Option<Timestamp>,
    /// Its verdict, never the end of a stop.
    #[schema(value_type = Option<schema::Instant>)]
    pub completed_at: Option<Timestamp>,
    /// The worker session that holds it or held it last.
    pub worker_id: Option<String>,
    /// `processingStartedAt − scheduledFor` in milliseconds; null while a stamp is missing.
    pub queue_latency_ms: Option<u64>,
    /// `completedAt − processingStartedAt` in milliseconds; null while a stamp is missing.
    pub processing_latency_ms: Option<u64>,
    /// `completedAt − scheduledFor` in milliseconds; null while a stamp is missing, and for what
    /// ended before it was due.
    pub end_to_end_latency_ms: Option<u64>,
    /// What its handler returned.
    #[schema(value_type = JsonText, required = false)]
    pub result: Option<JsonText>,
    /// What it waits for; null unless PENDING.
    pub phase: Option<PhaseWord>,
    /// What holds it back; null unless BLOCKED.
    pub blocked_by: Option<BlockedByWord>,
    /// Who canceled it; null unless CANCELED.
    pub cancel: Option<CancelRecord>,
    /// The stop of its last attempt.
    pub stop: Option<StopRecord>,
    /// The latest word of its running attempt.
    pub progress: Option<Progress>,
    /// Its attempts, the first one first.
    pub attempts: Option<Vec<AttemptRecord>>,
    /// The cleanup that is owed for it because it was canceled: an execution of its own, with its own
    /// attempts and stop; null where none is owed. Its payload, type and queue are those of this one.
    #[schema(no_recursion)]
    pub cleanup: Option<Box<ExecutionView>>,
}

/// How an execution stands, in a list of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionSummary {
    /// Its state, in the scheduler's own word.
    pub status: StateWord,
    /// What it waits for; null unless PENDING.
    pub phase: Option<PhaseWord>,
    /// How the cleanup stands that is owed for it because it was canceled; null where none is.
    pub cleanup: Option<StateWord>,
}
