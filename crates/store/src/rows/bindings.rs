//! Bindings on their way: what was committed before the scheduler was called.

use std::sync::Arc;

use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::{IdempotencyKey, Namespace, PrincipalName};
use taskpilot_domain::time::Timestamp;

use super::tasks::TaskRecord;

/// What will be sent to the scheduler: these bytes and no others, ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingRequest {
    /// Random, written once: the idempotency key and the reference of the create.
    pub key: IdempotencyKey,
    /// On whose behalf.
    pub principal: PrincipalName,
    /// The body for a scheduler that announces our extensions.
    pub extended: Arc<str>,
    /// The body for one that has only the plain contract.
    pub plain: Arc<str>,
}

/// Why a binding failed or hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindError {
    /// Stable `snake_case` code.
    pub code: String,
    /// For people; nothing of the scheduler's raw answer.
    pub detail: String,
}

/// A cancel that came while the task was binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelIntent {
    /// When.
    pub requested_at: Timestamp,
    /// Who.
    pub requested_by: PrincipalName,
    /// Why.
    pub reason: Option<String>,
    /// Whether it is about what is below the task too.
    pub cascade: bool,
    /// What names the call: the same call once more, by the same principal and with the same wish, is
    /// not another cancel. `None` where a release that did not keep it took the call.
    pub request_id: Option<String>,
}

/// A cancel that is to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwedCancel {
    /// Its place among those of its binding, for ever; the first one has 1.
    pub number: u32,
    /// What was asked for.
    pub intent: CancelIntent,
}

/// A binding that is not finished, or one whose cancels are not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingRecord {
    /// The task.
    pub task: TaskId,
    /// Whose it is.
    pub namespace: Namespace,
    /// The task that it belongs to, whose execution is named in what is sent.
    pub parent: Option<TaskId>,
    /// What is sent.
    pub request: BindingRequest,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When the plain body was sent; it is never sent twice.
    pub plain_sent_at: Option<Timestamp>,
    /// The scheduler refused it for good: its key must be tombstoned, then the task is free again.
    pub refused: Option<BindError>,
    /// Cancels to carry out, in the order in which they came: the first one is the verdict, and the
    /// rest are kept beside it.
    pub cancels: Vec<OwedCancel>,
    /// Tries so far.
    pub tries: u32,
    /// When the reconciler looks at it next; the end of time where only an operator can go on.
    pub next_try_at: Timestamp,
    /// The execution, where the task is bound and only cancels are left to carry out.
    pub execution: Option<ExecutionId>,
}

/// What became of a wish to bind.
#[derive(Debug, Clone, PartialEq)]
pub enum BeginBindingOutcome {
    /// This call began it.
    Begun(BindingRecord),
    /// It was begun before, with what that call sent.
    InProgress(BindingRecord),
    /// It is bound.
    Bound(TaskRecord),
    /// The task is withdrawn.
    Withdrawn,
    /// There is no such task here.
    Missing,
}

/// What became of the scheduler's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum FinishBindingOutcome {
    /// The task is bound to this execution, now or before.
    Bound(TaskRecord),
    /// Another execution is stored, or the task is not binding: an invariant is broken.
    Alarm {
        /// What is stored.
        stored: Option<ExecutionId>,
    },
    /// There is no such task.
    Missing,
}

/// What became of a cancel of a task that may be binding.
#[derive(Debug, Clone, PartialEq)]
pub enum IntendCancelOutcome {
    /// The intent is committed, now or before. It is the last of the cancels of this record, even
    /// where it was carried out before; those before it that are owed stand before it.
    Intended(BindingRecord),
    /// It is bound.
    Bound(TaskRecord),
    /// It is not bound, or withdrawn.
    Unbound,
    /// There is no such task here.
    Missing,
}
