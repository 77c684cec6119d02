//! An execution in the list of all executions.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::open::{BlockedByWord, PhaseWord, RetryStateWord, StateWord};
use crate::schema;

/// An execution of the scheduler and the task that it is of. What the scheduler did not send is
/// null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionItem {
    /// The task, by which it is read and canceled; null where no task of this control plane is
    /// bound to it.
    #[schema(value_type = Option<schema::Id>)]
    pub task_id: Option<TaskId>,
    /// Its id at the scheduler.
    #[schema(value_type = schema::Id)]
    pub scheduler_task_id: ExecutionId,
    /// Its state, in the scheduler's own word.
    pub status: StateWord,
    /// What it waits for; null unless PENDING.
    pub phase: Option<PhaseWord>,
    /// What holds it back; null unless BLOCKED.
    pub blocked_by: Option<BlockedByWord>,
    /// What kind of work it is.
    pub r#type: Option<String>,
    /// The queue it waits in.
    pub queue: Option<String>,
    /// Its rank within queue and type.
    pub priority: Option<i8>,
    /// Attempts that count, the running one included.
    pub attempt_count: Option<u32>,
    /// Counted attempts it may have.
    pub max_attempts: Option<u32>,
    /// When it can next be claimed; null unless it waits.
    #[schema(value_type = Option<schema::Instant>)]
    pub next_run_at: Option<Timestamp>,
    /// Where it is on the way to its end; null for a state that is not known here.
    pub retry_state: Option<RetryStateWord>,
    /// When it was accepted.
    #[schema(value_type = Option<schema::Instant>)]
    pub created_at: Option<Timestamp>,
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
}
