//! A control store in memory, by the letter of the contract: an oracle, never an engine.

use std::collections::BTreeMap;

use taskpilot_domain::binding::{BindingChange, BindingEvent, TaskStatus, advance};
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::limits::BINDING_OVERDUE_MS;
use taskpilot_domain::names::IdempotencyKey;
use taskpilot_domain::tasks::{Deletable, Deletion, TaskEdit, Words, deletion};
use taskpilot_domain::time::Timestamp;

use super::words::home;
use crate::control::BindingFailure;
use crate::rows::bindings::{
    BeginBindingOutcome, BindError, BindingRecord, BindingRequest, CancelIntent,
    FinishBindingOutcome, IntendCancelOutcome, OwedCancel,
};
use crate::rows::keys::KeyedRequest;
use crate::rows::tasks::{
    CreateTaskOutcome, DeleteOutcome, EditOutcome, NewTask, TaskRecord, WithdrawOutcome,
};

/// The end of time.
fn never() -> Timestamp {
    Timestamp::from_millis(i64::MAX)
}

/// What a store keeps of one namespace.
#[derive(Debug, Default)]
pub(super) struct Reference {
    tasks: BTreeMap<TaskId, TaskRecord>,
    bindings: BTreeMap<TaskId, Open>,
    keys: BTreeMap<String, ([u8; 32], TaskId)>,
    deleted: Vec<TaskId>,
    last: i64,
}

/// A binding that is not finished, or one whose cancels are not settled.
#[derive(Debug, Clone)]
struct Open {
    record: BindingRecord,
    /// Cancels so far.
    wishes: u32,
}

impl Open {
    fn begun(now: Timestamp, task: TaskId, request: BindingRequest) -> Self {
        let record = BindingRecord {
            task,
            namespace: home(),
            request,
            begun_at: now,
            plain_sent_at: None,
            refused: None,
            cancels: Vec::new(),
            tries: 0,
            next_try_at: now.plus_ms(BINDING_OVERDUE_MS),
            execution: None,
            parent: None,
        };
        Self { record, wishes: 0 }
    }

    fn owes_cancel(&self) -> bool {
        !self.record.cancels.is_empty()
    }

    fn told(&self) -> BindingRecord {
        self.record.clone()
    }
}

impl Reference {
    pub(super) fn create(&mut self, now: Timestamp, new: &NewTask) -> CreateTaskOutcome {
        if let Some(known) = new.key.as_ref().and_then(|key| self.find_keyed(key)) {
            return known;
        }
        if new.repeat_only {
            return CreateTaskOutcome::NoRepeat;
        }
        self.last += 1;
        let id = TaskId::new(self.last).unwrap();
        if let Some(key) = &new.key {
            let name = key.key.as_str().to_owned();
            self.keys.insert(name, (key.fingerprint, id));
        }
        let mut task = TaskRecord {
            id,
            namespace: new.namespace.clone(),
            kind: new.kind.clone(),
            title: new.title.clone(),
            labels: new.labels.clone(),
            payload: new.payload.clone(),
            status: TaskStatus::Pending,
            execution: None,
            binding_key: None,
            bind_error: None,
            cloned_from: new.cloned_from,
            parent: new.parent,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        if let Some(request) = &new.bind {
            task.status = TaskStatus::Binding;
            task.binding_key = Some(request.key.as_str().into());
            let open = Open::begun(now, id, request.clone());
            self.bindings.insert(id, open);
        }
        self.tasks.insert(id, task.clone());
        CreateTaskOutcome::Created(task, self.told(id))
    }

    pub(super) fn find_keyed(&self, request: &KeyedRequest) -> Option<CreateTaskOutcome> {
        let (fingerprint, id) = self.keys.get(request.key.as_str())?;
        if *fingerprint != request.fingerprint {
            return Some(CreateTaskOutcome::Mismatch);
        }
        Some(match self.tasks.get(id) {
            None => CreateTaskOutcome::Gone(*id),
            Some(task) => {
                let binding = self.told(*id);
                let binding = binding.filter(|_| task.status == TaskStatus::Binding);
                CreateTaskOutcome::Replayed(task.clone(), binding)
            }
        })
    }

    fn told(&self, id: TaskId) -> Option<BindingRecord> {
        self.bindings.get(&id).map(Open::told)
    }

    pub(super) fn task(&self, id: TaskId) -> Option<TaskRecord> {
        self.tasks.get(&id).cloned()
    }

    /// The newest first.
    pub(super) fn everything(&self) -> Vec<TaskRecord> {
        self.tasks.values().rev().cloned().collect()
    }

    pub(super) fn bound(&self) -> Vec<(ExecutionId, TaskId)> {
        let tasks = self.tasks.values();
        tasks
            .filter_map(|task| Some((task.execution?, task.id)))
            .collect()
    }

    fn save(&mut self, now: Timestamp, mut task: TaskRecord) -> TaskRecord {
        task.version += 1;
        task.updated_at = task.updated_at.max(now);
        self.tasks.insert(task.id, task.clone());
        task
    }

    pub(super) fn edit(
        &mut self,
        now: Timestamp,
        id: TaskId,
        expected: Option<i64>,
        edit: &TaskEdit,
    ) -> EditOutcome {
        let Some(task) = self.task(id) else {
            return EditOutcome::Missing;
        };
        if expected.is_some_and(|version| version != task.version) {
            return EditOutcome::Stale;
        }
        let before = Words {
            title: task.title.clone(),
            labels: task.labels.clone(),
        };
        match edit.of(&before) {
            Err(_) => EditOutcome::TooManyLabels,
            Ok(after) if after == before => EditOutcome::Edited(task),
            Ok(Words { title, labels }) => EditOutcome::Edited(self.save(
                now,
                TaskRecord {
                    title,
                    labels,
                    ..task
                },
            )),
        }
    }

    pub(super) fn delete(&mut self, id: TaskId, ended: Option<ExecutionId>) -> DeleteOutcome {
        let Some(task) = self.task(id) else {
            return if self.deleted.contains(&id) {
                DeleteOutcome::Deleted
            } else {
                DeleteOutcome::Missing
            };
        };
        let deletable = Deletable {
            status: task.status,
            bound_to: task.execution,
            ended,
            has_children: self.tasks.values().any(|other| other.parent == Some(id)),
        };
        match deletion(deletable) {
            Deletion::Allowed => {
                self.tasks.remove(&id);
                self.bindings.remove(&id);
                self.deleted.push(id);
                DeleteOutcome::Deleted
            }
            Deletion::Binding => DeleteOutcome::Binding,
            Deletion::Bound => DeleteOutcome::Bound(task),
            Deletion::HasChildren => DeleteOutcome::HasChildren,
        }
    }

    pub(super) fn withdraw(&mut self, now: Timestamp, id: TaskId) -> WithdrawOutcome {
        let Some(task) = self.task(id) else {
            return WithdrawOutcome::Missing;
        };
        match advance(task.status, task.execution, BindingEvent::Withdrawn) {
            BindingChange::Moved(status) => {
                self.save(now, TaskRecord { status, ..task });
                WithdrawOutcome::Withdrawn
            }
            BindingChange::Unchanged => WithdrawOutcome::Withdrawn,
            BindingChange::Conflict | BindingChange::Alarm => {
                WithdrawOutcome::Conflict(task.status)
            }
        }
    }

    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        id: TaskId,
        request: BindingRequest,
    ) -> BeginBindingOutcome {
        let Some(task) = self.task(id) else {
            return BeginBindingOutcome::Missing;
        };
        let begun = BindingEvent::BindRequested;
        match advance(task.status, task.execution, begun) {
            BindingChange::Moved(status) => {
                let key = Some(request.key.as_str().into());
                let open = Open::begun(now, id, request);
                let record = open.record.clone();
                self.bindings.insert(id, open);
                let begun = TaskRecord {
                    status,
                    binding_key: key,
                    bind_error: None,
                    ..task
                };
                self.save(now, begun);
                BeginBindingOutcome::Begun(record)
            }
            BindingChange::Unchanged if task.status == TaskStatus::Bound => {
                BeginBindingOutcome::Bound(task)
            }
            BindingChange::Unchanged => {
                BeginBindingOutcome::InProgress(self.told(id).expect("it is binding"))
            }
            BindingChange::Conflict | BindingChange::Alarm => BeginBindingOutcome::Withdrawn,
        }
    }

    fn open_under(&mut self, id: TaskId, key: &IdempotencyKey) -> Option<&mut Open> {
        let open = self.bindings.get_mut(&id)?;
        (open.record.request.key == *key).then_some(open)
    }

    fn in_force(&self, id: TaskId, key: &IdempotencyKey) -> Option<TaskRecord> {
        let task = self.task(id)?;
        (task.binding_key.as_deref() == Some(key.as_str())).then_some(task)
    }

    pub(super) fn mark_plain_sent(
        &mut self,
        now: Timestamp,
        id: TaskId,
        key: &IdempotencyKey,
    ) -> bool {
        let Some(open) = self.open_under(id, key) else {
            return false;
        };
        let record = &mut open.record;
        let first = record.plain_sent_at.is_none() && record.execution.is_none();
        if first {
            record.plain_sent_at = Some(now);
        }
        first
    }

    pub(super) fn finish(
        &mut self,
        now: Timestamp,
        (id, key): (TaskId, &IdempotencyKey),
        execution: ExecutionId,
    ) -> FinishBindingOutcome {
        let Some(known) = self.task(id) else {
            return FinishBindingOutcome::Missing;
        };
        let stored = known.execution;
        let Some(task) = self.in_force(id, key) else {
            return FinishBindingOutcome::Alarm { stored };
        };
        match advance(task.status, stored, BindingEvent::Accepted(execution)) {
            BindingChange::Moved(status) => {
                let bound = TaskRecord {
                    status,
                    execution: Some(execution),
                    bind_error: None,
                    ..task
                };
                let bound = self.save(now, bound);
                if let Some(open) = self.bindings.get_mut(&id).filter(|open| open.owes_cancel()) {
                    open.record.execution = Some(execution);
                    open.record.next_try_at = now;
                } else {
                    self.bindings.remove(&id);
                }
                FinishBindingOutcome::Bound(bound)
            }
            BindingChange::Unchanged => FinishBindingOutcome::Bound(task),
            BindingChange::Conflict | BindingChange::Alarm => {
                FinishBindingOutcome::Alarm { stored }
            }
        }
    }

    pub(super) fn note_failure(
        &mut self,
        now: Timestamp,
        (id, key): (TaskId, &IdempotencyKey),
        failure: BindingFailure,
    ) {
        let Some(open) = self.open_under(id, key) else {
            return;
        };
        open.record.tries += 1;
        open.record.next_try_at = failure.next_try_at.unwrap_or_else(never);
        if open.record.execution.is_none() && failure.refused {
            open.record.refused = Some(failure.error.clone());
        }
        let binding = self
            .task(id)
            .filter(|task| task.status == TaskStatus::Binding);
        if let Some(task) = binding
            && task.bind_error.as_ref() != Some(&failure.error)
        {
            let bind_error = Some(failure.error);
            self.save(now, TaskRecord { bind_error, ..task });
        }
    }

    pub(super) fn abandon(
        &mut self,
        now: Timestamp,
        (id, key): (TaskId, &IdempotencyKey),
        error: BindError,
    ) {
        if let Some(task) = self.in_force(id, key)
            && let BindingChange::Moved(status) =
                advance(task.status, task.execution, BindingEvent::Refused)
        {
            let freed = TaskRecord {
                status,
                bind_error: Some(error),
                ..task
            };
            self.save(now, freed);
            self.bindings.remove(&id);
        }
    }

    pub(super) fn intend(
        &mut self,
        now: Timestamp,
        id: TaskId,
        intent: CancelIntent,
    ) -> IntendCancelOutcome {
        let Some(task) = self.task(id) else {
            return IntendCancelOutcome::Missing;
        };
        match task.status {
            TaskStatus::Pending | TaskStatus::Canceled => IntendCancelOutcome::Unbound,
            TaskStatus::Bound => IntendCancelOutcome::Bound(task),
            TaskStatus::Binding => {
                let open = self.bindings.get_mut(&id).expect("it is binding");
                open.wishes += 1;
                open.record.cancels.push(OwedCancel {
                    number: open.wishes,
                    intent,
                });
                let overdue = now.plus_ms(BINDING_OVERDUE_MS);
                open.record.next_try_at = open.record.next_try_at.min(overdue);
                IntendCancelOutcome::Intended(open.told())
            }
        }
    }

    pub(super) fn settle(&mut self, id: TaskId, key: &IdempotencyKey, number: u32) {
        let Some(open) = self.open_under(id, key).filter(|open| open.owes_cancel()) else {
            return;
        };
        open.record.cancels.retain(|owed| owed.number != number);
        if open.record.execution.is_some() && !open.owes_cancel() {
            self.bindings.remove(&id);
        }
    }

    pub(super) fn binding(&mut self, id: TaskId, key: &IdempotencyKey) -> Option<BindingRecord> {
        self.open_under(id, key).map(|open| open.told())
    }

    pub(super) fn is_wanted(&mut self, id: TaskId, key: &IdempotencyKey) -> bool {
        self.open_under(id, key)
            .is_some_and(|open| !open.owes_cancel())
    }

    /// The longest due first.
    pub(super) fn due(&self, now: Timestamp) -> Vec<BindingRecord> {
        let open = self.bindings.values().map(Open::told);
        let mut due: Vec<_> = open.filter(|open| open.next_try_at <= now).collect();
        due.sort_by_key(|open| (open.next_try_at, open.task));
        due
    }
}
