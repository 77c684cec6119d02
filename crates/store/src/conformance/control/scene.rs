//! A store in use: each verb as one line, for the usual case of one item and an expected answer.

use std::sync::Arc;

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::IdempotencyKey;
use taskpilot_domain::time::Timestamp;
use tokio::task::JoinSet;

use super::words::{MANY, all, at, execution, home, key, request};
use crate::conformance::ControlHarness;
use crate::control::{BindingFailure, ControlStore};
use crate::rows::bindings::{
    BeginBindingOutcome, BindingRecord, CancelIntent, FinishBindingOutcome, IntendCancelOutcome,
    OwedCancel,
};
use crate::rows::tasks::{CreateTaskOutcome, NewTask, TaskFilter, TaskRecord};

/// The store under test.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) store: Arc<dyn ControlStore>,
}

impl Scene {
    pub(super) fn of(harness: &impl ControlHarness) -> Self {
        Self {
            store: harness.store(),
        }
    }

    /// Creates at the beginning of the case; one outcome per item.
    pub(super) async fn submit(&self, tasks: Vec<NewTask>) -> Vec<CreateTaskOutcome> {
        self.store.create_tasks(at(0), tasks).await.unwrap()
    }

    /// Creates one that must be new.
    pub(super) async fn create(&self, task: NewTask) -> TaskRecord {
        match self.submit(vec![task]).await.remove(0) {
            CreateTaskOutcome::Created(task, _) => task,
            other => panic!("not created: {other:?}"),
        }
    }

    pub(super) async fn find(&self, id: TaskId) -> Option<TaskRecord> {
        self.store.get_task(&home(), id).await.unwrap()
    }

    pub(super) async fn task(&self, id: TaskId) -> TaskRecord {
        self.find(id).await.unwrap()
    }

    pub(super) async fn list(&self, filter: TaskFilter) -> Vec<TaskRecord> {
        self.store.list_tasks(&home(), filter).await.unwrap().tasks
    }

    pub(super) async fn ids(&self, filter: TaskFilter) -> Vec<TaskId> {
        let tasks = self.list(filter).await;
        tasks.into_iter().map(|task| task.id).collect()
    }

    pub(super) async fn everything(&self) -> Vec<TaskRecord> {
        self.list(all()).await
    }

    pub(super) async fn begin(&self, now: Timestamp, id: TaskId, key: &str) -> BeginBindingOutcome {
        let home = home();
        let begun = self.store.begin_binding(now, &home, id, request(key));
        begun.await.unwrap()
    }

    pub(super) async fn finish(
        &self,
        now: Timestamp,
        id: TaskId,
        under: &str,
        execution: ExecutionId,
    ) -> FinishBindingOutcome {
        let key = key(under);
        let finished = self.store.finish_binding(now, id, &key, execution);
        finished.await.unwrap()
    }

    pub(super) async fn fail(&self, now: Timestamp, id: TaskId, under: &str, why: BindingFailure) {
        let key = key(under);
        let noted = self.store.note_binding_failure(now, id, &key, why);
        noted.await.unwrap();
    }

    pub(super) async fn intend(&self, id: TaskId, intent: CancelIntent) -> IntendCancelOutcome {
        let (now, home) = (intent.requested_at, home());
        let intended = self.store.intend_cancel(now, &home, id, intent);
        intended.await.unwrap()
    }

    /// Settles the first cancel.
    pub(super) async fn settle(&self, now: Timestamp, id: TaskId, under: &str) {
        self.settle_of(now, (id, under), 1).await;
    }

    pub(super) async fn settle_of(&self, now: Timestamp, (id, under): (TaskId, &str), number: u32) {
        let key = key(under);
        let settled = self.store.settle_cancel(now, (id, &key), number).await;
        settled.unwrap();
    }

    pub(super) async fn due(&self, now: Timestamp) -> Vec<BindingRecord> {
        self.store.list_due_bindings(now, MANY).await.unwrap()
    }

    pub(super) async fn due_ids(&self, now: Timestamp) -> Vec<TaskId> {
        let due = self.due(now).await;
        due.into_iter().map(|binding| binding.task).collect()
    }

    /// Every binding that is ever due without an operator.
    pub(super) async fn ever_due(&self) -> Vec<BindingRecord> {
        self.due(Timestamp::from_millis(i64::MAX).minus_ms(1)).await
    }

    /// The one binding that there is.
    pub(super) async fn only_due(&self) -> BindingRecord {
        let mut due = self.ever_due().await;
        assert_eq!(due.len(), 1, "{due:?}");
        due.remove(0)
    }

    /// A task that is binding since `at(1)`, under the key `key`.
    pub(super) async fn binding(&self, task: NewTask, key: &str) -> TaskRecord {
        let id = self.create(task).await.id;
        let begun = self.begin(at(1), id, key).await;
        assert!(matches!(begun, BeginBindingOutcome::Begun(_)), "{begun:?}");
        self.task(id).await
    }

    /// A task that is bound since `at(2)` to execution 7, under the key `key`.
    pub(super) async fn bound(&self, task: NewTask, key: &str) -> TaskRecord {
        let id = self.binding(task, key).await.id;
        let bound = self.finish(at(2), id, key, execution(7)).await;
        assert!(matches!(bound, FinishBindingOutcome::Bound(_)), "{bound:?}");
        let task = self.task(id).await;
        assert_eq!(task.status, TaskStatus::Bound);
        task
    }

    /// Calls `call` `times` at once, and collects the answers in no order.
    pub(super) async fn race<A, F>(&self, times: usize, call: impl Fn(Self, usize) -> F) -> Vec<A>
    where
        A: Send + 'static,
        F: Future<Output = A> + Send + 'static,
    {
        let mut calls = JoinSet::new();
        for number in 0..times {
            calls.spawn(call(self.clone(), number));
        }
        calls.join_all().await
    }
}

/// The binding that an outcome shows.
pub(super) fn shown(outcome: BeginBindingOutcome) -> BindingRecord {
    match outcome {
        BeginBindingOutcome::Begun(binding) | BeginBindingOutcome::InProgress(binding) => binding,
        other => panic!("no binding: {other:?}"),
    }
}

/// The same, of an intent.
pub(super) fn intended(outcome: IntendCancelOutcome) -> BindingRecord {
    match outcome {
        IntendCancelOutcome::Intended(binding) => binding,
        other => panic!("not intended: {other:?}"),
    }
}

/// The cancels of a binding with their numbers.
pub(super) fn owed(of: &[(u32, CancelIntent)]) -> Vec<OwedCancel> {
    let owed = |(number, intent): &(u32, CancelIntent)| OwedCancel {
        number: *number,
        intent: intent.clone(),
    };
    of.iter().map(owed).collect()
}

/// The key that is in force.
pub(super) fn in_force(task: &TaskRecord) -> IdempotencyKey {
    key(task.binding_key.as_deref().unwrap())
}
