//! Executions: what is created, granted, canceled, listed.

use std::sync::Arc;

use taskpilot_domain::execution::{BlockedBy, Standing, State};
use taskpilot_domain::families::NoChild;
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Fence, SessionId};
use taskpilot_domain::names::{
    IdempotencyKey, Namespace, PrincipalName, QueueName, TaskType, WorkerName,
};
use taskpilot_domain::options::{ExecutionOptions, Priority};
use taskpilot_domain::stop::{How, StopCause, StopStatus};
use taskpilot_domain::time::Timestamp;

use super::attempts::{AttemptError, AttemptRecord};
use super::keys::KeyedRequest;

/// An execution to be accepted. Its options were validated.
#[derive(Debug, Clone)]
pub struct NewExecution {
    /// Whose it is.
    pub namespace: Namespace,
    /// Which handler runs it.
    pub kind: TaskType,
    /// JSON text for the handler.
    pub payload: Arc<str>,
    /// Opaque to the scheduler; a cancel may expect it.
    pub reference: Option<String>,
    /// Makes the create repeatable.
    pub key: Option<KeyedRequest>,
    /// The execution that it belongs to.
    pub parent: Option<ExecutionId>,
    /// How to run it.
    pub options: ExecutionOptions,
}

/// What became of a create.
#[derive(Debug, Clone)]
pub enum CreateOutcome {
    /// It is new. Below a closed tree it is born canceled.
    Created(ExecutionRecord),
    /// The key stands for this one already. One that was canceled before it was created takes the
    /// body of its first create and stays canceled.
    Replayed(ExecutionRecord),
    /// The key stands for another request.
    Mismatch,
    /// The key is older than keys are kept and was not found.
    Expired,
    /// It cannot be a child of the parent that it names.
    NoChild(NoChild),
}

/// What lists show.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionSummary {
    /// Its id.
    pub id: ExecutionId,
    /// Which handler runs it; `None` for one that was canceled before it was created.
    pub kind: Option<TaskType>,
    /// The queue it waits in.
    pub queue: QueueName,
    /// Its rank.
    pub priority: Priority,
    /// What decisions depend on, state and attempts included.
    pub standing: Standing,
    /// The create commit.
    pub accepted_at: Timestamp,
    /// The verdict.
    pub completed_at: Option<Timestamp>,
    /// What its queue says to those that are ready.
    pub held_back: Option<BlockedBy>,
    /// The holder of the running attempt.
    pub worker: Option<(SessionId, WorkerName)>,
    /// The canceled execution that it cleans up after, if it is a cleanup.
    pub cleanup_of: Option<ExecutionId>,
    /// The cleanup that is owed for it, and how that stands.
    pub cleanup: Option<(ExecutionId, State)>,
}

/// Who canceled first, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelRecord {
    /// What the cancel was of: this one, or the tree above it.
    pub cause: StopCause,
    /// The verdict.
    pub requested_at: Timestamp,
    /// Who.
    pub requested_by: PrincipalName,
    /// Why.
    pub reason: Option<String>,
    /// How many asked for it again.
    pub later_count: u64,
    /// The latest `CANCEL_REQUESTS_KEPT_MAX` of these, the oldest first. Only the read of one
    /// execution tells them: the answers to a batch of cancels must not become a batch of reasons.
    pub later: Vec<LaterCancel>,
}

/// A cancel request for what was canceled before: it changed nothing, and is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaterCancel {
    /// When.
    pub requested_at: Timestamp,
    /// Who.
    pub requested_by: PrincipalName,
    /// Why.
    pub reason: Option<String>,
}

/// All there is about an execution.
#[derive(Debug, Clone)]
pub struct ExecutionRecord {
    /// What lists show too.
    pub summary: ExecutionSummary,
    /// Whose it is.
    pub namespace: Namespace,
    /// JSON text for the handler.
    pub payload: Option<Arc<str>>,
    /// Opaque to the scheduler.
    pub reference: Option<String>,
    /// The key of its create.
    pub key: Option<IdempotencyKey>,
    /// The execution that it belongs to, and the one at the top of its tree.
    pub family: Option<(ExecutionId, ExecutionId)>,
    /// How it is run.
    pub options: ExecutionOptions,
    /// JSON text from the handler.
    pub result: Option<Arc<str>>,
    /// Why the last attempt failed, or the execution.
    pub last_error: Option<AttemptError>,
    /// Who canceled.
    pub cancel: Option<CancelRecord>,
    /// Its attempts, the first one first.
    pub attempts: Vec<AttemptRecord>,
    /// All there is about its cleanup. Only the read of one execution tells it.
    pub cleanup: Option<Box<ExecutionRecord>>,
}

/// An attempt that a worker now holds.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its fence.
    pub fence: Fence,
    /// Which handler runs it.
    pub kind: TaskType,
    /// JSON text for the handler.
    pub payload: Arc<str>,
    /// Opaque to the scheduler.
    pub reference: Option<String>,
    /// The queue it came from.
    pub queue: QueueName,
    /// Attempts counted so far, this one included.
    pub attempt_count: u32,
    /// Counted attempts allowed.
    pub max_attempts: u32,
    /// Longest run in milliseconds.
    pub attempt_timeout_ms: Option<u64>,
    /// Time from the polite signal of a stop to the kill, in milliseconds.
    pub cancel_grace_ms: u64,
    /// When it was due.
    pub scheduled_for: Timestamp,
    /// When it must have ended.
    pub deadline: Option<Timestamp>,
    /// What it cleans up after, if it is a cleanup.
    pub cleanup_of: Option<CleanupOf>,
}

/// What a cleanup is told of the execution that was canceled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanupOf {
    /// Its id.
    pub execution: ExecutionId,
    /// Its last attempt, if one ever began.
    pub attempt: Option<AttemptNumber>,
    /// What the cancel was of.
    pub cause: StopCause,
    /// The verdict.
    pub requested_at: Timestamp,
    /// Who.
    pub requested_by: PrincipalName,
    /// Why.
    pub reason: Option<String>,
    /// How the stop of its last attempt stands; `NotNeeded` where there is none.
    pub stop: StopStatus,
    /// How the work ended, where that is proven.
    pub how: Option<How>,
    /// The last word of an attempt of it.
    pub progress: Option<LastProgress>,
}

/// The last word of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastProgress {
    /// The attempt that said so.
    pub attempt: AttemptNumber,
    /// When the scheduler heard it.
    pub at: Timestamp,
    /// 0 to 100.
    pub percent: Option<u8>,
    /// One line for people.
    pub message: Option<String>,
}

/// What is to be canceled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelTarget {
    /// An execution; where a reference is expected, another one is not it.
    Id {
        /// Its id.
        id: ExecutionId,
        /// The reference it must have.
        reference: Option<String>,
    },
    /// Whatever this key stands for, now or ever.
    Key(IdempotencyKey),
}

/// A wish to cancel.
#[derive(Debug, Clone)]
pub struct CancelRequest {
    /// Whose world.
    pub namespace: Namespace,
    /// What.
    pub target: CancelTarget,
    /// Who.
    pub actor: PrincipalName,
    /// Why.
    pub reason: Option<String>,
    /// Whether it closes the tree below, too.
    pub cascade: bool,
    /// What names the call: the same call once more, by the same actor and with the same reason, is not
    /// another request.
    pub request_id: Option<String>,
}

/// What became of a cancel.
#[derive(Debug, Clone)]
pub enum CancelOutcome {
    /// This call was the verdict.
    Canceled(ExecutionRecord),
    /// It was canceled before; the first verdict stands, this request is kept beside it, and an
    /// unconfirmed order is sent again.
    Already(ExecutionRecord),
    /// It had ended otherwise.
    Refused(ExecutionRecord),
    /// There is no such execution here.
    Missing,
    /// The execution under this id has another reference.
    OtherReference,
}

/// Which executions to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct ExecutionFilter {
    /// Any of these; all when empty.
    pub states: Vec<State>,
    /// Only below this id.
    pub before: Option<ExecutionId>,
    /// At most so many.
    pub limit: u32,
}
