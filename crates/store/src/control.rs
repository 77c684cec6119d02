//! The store of the control plane: tasks and their bindings.

use async_trait::async_trait;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::{IdempotencyKey, Namespace};
use taskpilot_domain::tasks::TaskEdit;
use taskpilot_domain::time::Timestamp;

use crate::StoreError;
use crate::cancellations::CancellationStore;
use crate::rows::bindings::{
    BeginBindingOutcome, BindError, BindingRecord, BindingRequest, CancelIntent,
    FinishBindingOutcome, IntendCancelOutcome,
};
use crate::rows::keys::KeyedRequest;
use crate::rows::tasks::{
    CreateTaskOutcome, DeleteOutcome, EditOutcome, NewTask, TaskFilter, TaskPage, TaskRecord,
    WithdrawOutcome,
};

/// What the control plane keeps.
///
/// Every verb is one transaction, answered after it is durable. A row of another namespace does
/// not exist. `now` is the only clock.
#[async_trait]
pub trait ControlStore: CancellationStore {
    /// Creates tasks, one outcome per item in their order; a key twice in one call is folded.
    async fn create_tasks(
        &self,
        now: Timestamp,
        tasks: Vec<NewTask>,
    ) -> Result<Vec<CreateTaskOutcome>, StoreError>;

    /// Finds what stands under a key, as a repeat of its create would be answered; `None`: nothing
    /// does.
    async fn find_keyed_task(
        &self,
        namespace: &Namespace,
        request: &KeyedRequest,
    ) -> Result<Option<CreateTaskOutcome>, StoreError>;

    /// Reads one task.
    async fn get_task(
        &self,
        namespace: &Namespace,
        id: TaskId,
    ) -> Result<Option<TaskRecord>, StoreError>;

    /// Lists tasks, newest first, at most `filter.limit`. A page also ends with the task that brings
    /// it to `PAGE_BYTES_MAX`, and after `LIST_STEPS_MAX` steps.
    async fn list_tasks(
        &self,
        namespace: &Namespace,
        filter: TaskFilter,
    ) -> Result<TaskPage, StoreError>;

    /// Finds the tasks that are bound to `executions`, in no order; an execution that no task of the
    /// namespace is bound to is left out.
    async fn find_bound_tasks(
        &self,
        namespace: &Namespace,
        executions: Vec<ExecutionId>,
    ) -> Result<Vec<(ExecutionId, TaskId)>, StoreError>;

    /// Edits a task if its version is one of `expected`; `None` takes it as it is.
    async fn edit_task(
        &self,
        now: Timestamp,
        (namespace, id): (&Namespace, TaskId),
        expected: Option<Vec<i64>>,
        edit: TaskEdit,
    ) -> Result<EditOutcome, StoreError>;

    /// Deletes a task for which nothing runs and to which no other belongs; `ended` is the execution that is known to be over. Its
    /// id and its idempotency key stay spent, so that a repeat finds it deleted.
    async fn delete_task(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: TaskId,
        ended: Option<ExecutionId>,
    ) -> Result<DeleteOutcome, StoreError>;

    /// Withdraws a task that is not bound yet.
    async fn withdraw_task(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: TaskId,
    ) -> Result<WithdrawOutcome, StoreError>;

    /// Commits `BINDING` with what will be sent, unless that was done before.
    async fn begin_binding(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: TaskId,
        request: BindingRequest,
    ) -> Result<BeginBindingOutcome, StoreError>;

    /// Commits that the plain body is about to be sent. `false`: it was sent before.
    async fn mark_plain_sent(
        &self,
        now: Timestamp,
        id: TaskId,
        key: &IdempotencyKey,
    ) -> Result<bool, StoreError>;

    /// Commits `BOUND` and the execution by compare-and-set on the binding key.
    async fn finish_binding(
        &self,
        now: Timestamp,
        id: TaskId,
        key: &IdempotencyKey,
        execution: ExecutionId,
    ) -> Result<FinishBindingOutcome, StoreError>;

    /// Keeps why the last try failed and when the reconciler looks again; `refused` marks a
    /// definite refusal, whose key must be tombstoned before the task is free.
    async fn note_binding_failure(
        &self,
        now: Timestamp,
        id: TaskId,
        key: &IdempotencyKey,
        failure: BindingFailure,
    ) -> Result<(), StoreError>;

    /// Ends a refused binding: the task is `PENDING` again and keeps the error.
    async fn abandon_binding(
        &self,
        now: Timestamp,
        id: TaskId,
        key: &IdempotencyKey,
        error: BindError,
    ) -> Result<(), StoreError>;

    /// Commits the intent to cancel a task that is binding. The first one stands; the latest
    /// `CANCEL_REQUESTS_KEPT_MAX` of the later ones are kept beside it, and one that cascades if any
    /// does. A call that came before is not kept twice.
    async fn intend_cancel(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: TaskId,
        intent: CancelIntent,
    ) -> Result<IntendCancelOutcome, StoreError>;

    /// Notes that the scheduler answered the cancel of this number for good.
    async fn settle_cancel(
        &self,
        now: Timestamp,
        (id, key): (TaskId, &IdempotencyKey),
        number: u32,
    ) -> Result<(), StoreError>;

    /// Reads what is unfinished under the key of a task, with the cancels that are owed by now.
    async fn get_binding(
        &self,
        id: TaskId,
        key: &IdempotencyKey,
    ) -> Result<Option<BindingRecord>, StoreError>;

    /// Of each of these whether it is unfinished under its key, and no cancel of it is owed; one answer
    /// per item in their order, at most `BATCH_ITEMS_MAX`.
    async fn are_wanted(
        &self,
        bindings: Vec<(TaskId, IdempotencyKey)>,
    ) -> Result<Vec<bool>, StoreError>;

    /// Bindings that are due for the reconciler, the longest due first.
    async fn list_due_bindings(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<BindingRecord>, StoreError>;

    /// Forgets idempotency keys that were first seen before `keys_horizon` of `domain`, at most
    /// `limit`, the oldest first. Answers how many. Their tasks stay.
    async fn forget_keys(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError>;

    /// Whether writes are served: `Err` after a storage error, until it is healed.
    async fn check(&self) -> Result<(), StoreError>;
}

/// Why a try to bind failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingFailure {
    /// For people and for the translation.
    pub error: BindError,
    /// The scheduler refused for good.
    pub refused: bool,
    /// When to look again; `None`: only an operator can go on.
    pub next_try_at: Option<Timestamp>,
}
