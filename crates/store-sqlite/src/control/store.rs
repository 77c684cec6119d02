//! Which verb is which command: its lane, its size, its function.

use std::path::Path;

use async_trait::async_trait;
use taskpilot_domain::ids::{CancellationId, ExecutionId, TaskId};
use taskpilot_domain::names::{IdempotencyKey, Namespace};
use taskpilot_domain::tasks::TaskEdit;
use taskpilot_domain::time::Timestamp;
use taskpilot_fault::Step;
use taskpilot_store::StoreError;
use taskpilot_store::cancellations::CancellationStore;
use taskpilot_store::control::{BindingFailure, ControlStore};
use taskpilot_store::lanes::Lane;
use taskpilot_store::rows::bindings::{
    BeginBindingOutcome, BindError, BindingRecord, BindingRequest, CancelIntent,
    FinishBindingOutcome, IntendCancelOutcome,
};
use taskpilot_store::rows::cancellations::{
    CancellationItemFilter, CancellationItemRecord, CancellationRecord, CreateCancellationOutcome,
    DecidedSlice, GiveUpOutcome, Matches, NewCancellation, UndecidedItem,
};
use taskpilot_store::rows::keys::KeyedRequest;
use taskpilot_store::rows::tasks::{
    CreateTaskOutcome, DeleteOutcome, EditOutcome, NewTask, TaskFilter, TaskPage, TaskRecord,
    WithdrawOutcome,
};

use super::bindings::{cancel, outcome, start};
use super::cancellations::{self, create as create_cancellation, decide, forget};
use super::tasks::{bound, create, delete, edit, list, withdraw};
use super::{bindings, keys, tasks};
use crate::database::{Database, Service};
use crate::open::{Caches, OpenError};

mod schema {
    refinery::embed_migrations!("migrations/control");
}

/// The database of the control plane.
pub(crate) const CONTROL: Service = Service {
    name: "control",
    migrations: schema::migrations::runner,
    caches: Caches {
        writer_kib: 6 * 1024,
        reader_kib: 1024,
    },
};

/// What a command without bodies is counted as.
const SMALL_BYTES: usize = 256;

/// What the control plane keeps, in `control.db` of its data directory.
#[derive(Debug)]
pub struct SqliteControlStore {
    database: Database,
}

impl SqliteControlStore {
    /// Opens the store, and owns it until it is closed. It blocks: for a start only.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            database: Database::open(directory, &CONTROL)?,
        })
    }

    /// Answers what waits and gives the directory free. It blocks; repeatable.
    pub fn close(&self) {
        self.database.close();
    }
}

#[async_trait]
impl ControlStore for SqliteControlStore {
    async fn create_tasks(
        &self,
        now: Timestamp,
        tasks: Vec<NewTask>,
    ) -> Result<Vec<CreateTaskOutcome>, StoreError> {
        let bytes = tasks.iter().map(create::bytes).sum();
        self.database
            .write(Lane::Create, bytes, move |tx| {
                tx.step(Step::TaskCreate);
                create::create(tx, now, &tasks)
            })
            .await
    }

    async fn find_keyed_task(
        &self,
        namespace: &Namespace,
        request: &KeyedRequest,
    ) -> Result<Option<CreateTaskOutcome>, StoreError> {
        let (namespace, request) = (namespace.clone(), request.clone());
        self.database
            .read(move |connection| create::find_keyed(connection, &namespace, &request))
            .await
    }

    async fn get_task(
        &self,
        namespace: &Namespace,
        id: TaskId,
    ) -> Result<Option<TaskRecord>, StoreError> {
        let namespace = namespace.clone();
        self.database
            .read(move |connection| tasks::find_in(connection, &namespace, id))
            .await
    }

    async fn list_tasks(
        &self,
        namespace: &Namespace,
        filter: TaskFilter,
    ) -> Result<TaskPage, StoreError> {
        let namespace = namespace.clone();
        self.database
            .list(move |connection| list::list(connection, &namespace, &filter))
            .await
    }

    async fn find_bound_tasks(
        &self,
        namespace: &Namespace,
        executions: Vec<ExecutionId>,
    ) -> Result<Vec<(ExecutionId, TaskId)>, StoreError> {
        let namespace = namespace.clone();
        self.database
            .list(move |connection| bound::find(connection, &namespace, &executions))
            .await
    }

    async fn edit_task(
        &self,
        now: Timestamp,
        (namespace, id): (&Namespace, TaskId),
        expected: Option<Vec<i64>>,
        edit: TaskEdit,
    ) -> Result<EditOutcome, StoreError> {
        let namespace = namespace.clone();
        self.database
            .write(Lane::Create, edit::bytes(&edit), move |tx| {
                let guard = expected.as_deref();
                edit::edit(tx, now, (&namespace, id), (guard, &edit))
            })
            .await
    }

    async fn delete_task(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: TaskId,
        ended: Option<ExecutionId>,
    ) -> Result<DeleteOutcome, StoreError> {
        let namespace = namespace.clone();
        self.database
            .write(Lane::Create, SMALL_BYTES, move |tx| {
                delete::delete(tx, now, (&namespace, id), ended)
            })
            .await
    }

    async fn withdraw_task(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: TaskId,
    ) -> Result<WithdrawOutcome, StoreError> {
        let namespace = namespace.clone();
        self.database
            .write(Lane::Cancel, SMALL_BYTES, move |tx| {
                tx.step(Step::TaskWithdraw);
                withdraw::withdraw(tx, now, &namespace, id)
            })
            .await
    }

    async fn begin_binding(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: TaskId,
        request: BindingRequest,
    ) -> Result<BeginBindingOutcome, StoreError> {
        let namespace = namespace.clone();
        self.database
            .write(Lane::Create, start::bytes(&request), move |tx| {
                tx.step(Step::BindingBegin);
                start::begin(tx, now, (&namespace, id), &request)
            })
            .await
    }

    async fn mark_plain_sent(
        &self,
        now: Timestamp,
        id: TaskId,
        key: &IdempotencyKey,
    ) -> Result<bool, StoreError> {
        let key = key.clone();
        self.database
            .write(Lane::Finish, SMALL_BYTES, move |tx| {
                tx.step(Step::BindingMarkPlain);
                start::mark_plain_sent(tx, now, id, &key)
            })
            .await
    }

    async fn finish_binding(
        &self,
        now: Timestamp,
        id: TaskId,
        key: &IdempotencyKey,
        execution: ExecutionId,
    ) -> Result<FinishBindingOutcome, StoreError> {
        let key = key.clone();
        self.database
            .write(Lane::Finish, SMALL_BYTES, move |tx| {
                tx.step(Step::BindingFinish);
                outcome::finish(tx, now, (id, &key), execution)
            })
            .await
    }

    async fn note_binding_failure(
        &self,
        now: Timestamp,
        id: TaskId,
        key: &IdempotencyKey,
        failure: BindingFailure,
    ) -> Result<(), StoreError> {
        let key = key.clone();
        self.database
            .write(Lane::Finish, SMALL_BYTES, move |tx| {
                tx.step(Step::BindingNoteFailure);
                outcome::note_failure(tx, now, (id, &key), &failure)
            })
            .await
    }

    async fn abandon_binding(
        &self,
        now: Timestamp,
        id: TaskId,
        key: &IdempotencyKey,
        error: BindError,
    ) -> Result<(), StoreError> {
        let key = key.clone();
        self.database
            .write(Lane::Finish, SMALL_BYTES, move |tx| {
                tx.step(Step::BindingAbandon);
                outcome::abandon(tx, now, (id, &key), &error)
            })
            .await
    }

    async fn intend_cancel(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: TaskId,
        intent: CancelIntent,
    ) -> Result<IntendCancelOutcome, StoreError> {
        let namespace = namespace.clone();
        self.database
            .write(Lane::Cancel, SMALL_BYTES, move |tx| {
                tx.step(Step::CancelIntend);
                cancel::intend(tx, now, (&namespace, id), &intent)
            })
            .await
    }

    async fn settle_cancel(
        &self,
        now: Timestamp,
        (id, key): (TaskId, &IdempotencyKey),
        number: u32,
    ) -> Result<(), StoreError> {
        let key = key.clone();
        self.database
            .write(Lane::Cancel, SMALL_BYTES, move |tx| {
                tx.step(Step::CancelSettle);
                cancel::settle(tx, now, (id, &key), number)
            })
            .await
    }

    async fn get_binding(
        &self,
        id: TaskId,
        key: &IdempotencyKey,
    ) -> Result<Option<BindingRecord>, StoreError> {
        let key = key.clone();
        self.database
            .read(move |connection| bindings::get(connection, id, &key))
            .await
    }

    async fn are_wanted(
        &self,
        bindings: Vec<(TaskId, IdempotencyKey)>,
    ) -> Result<Vec<bool>, StoreError> {
        self.database
            .read(move |connection| bindings::are_wanted(connection, &bindings))
            .await
    }

    async fn list_due_bindings(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<BindingRecord>, StoreError> {
        self.database
            .read(move |connection| bindings::list_due(connection, now, limit))
            .await
    }

    async fn forget_keys(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.database
            .write(Lane::Background, SMALL_BYTES, move |tx| {
                keys::forget(tx, now, limit)
            })
            .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.database.check().await
    }
}

#[async_trait]
impl CancellationStore for SqliteControlStore {
    async fn create_cancellation(
        &self,
        now: Timestamp,
        cancellation: NewCancellation,
    ) -> Result<CreateCancellationOutcome, StoreError> {
        let bytes = create_cancellation::bytes(&cancellation);
        self.database
            .write(Lane::Cancel, bytes, move |tx| {
                tx.step(Step::CancellationCreate);
                create_cancellation::create(tx, now, &cancellation)
            })
            .await
    }

    async fn get_cancellation(
        &self,
        namespace: &Namespace,
        id: CancellationId,
    ) -> Result<Option<CancellationRecord>, StoreError> {
        let namespace = namespace.clone();
        self.database
            .read(move |connection| cancellations::find_in(connection, &namespace, id))
            .await
    }

    async fn list_cancellations(
        &self,
        namespace: &Namespace,
        before: Option<CancellationId>,
        limit: u32,
    ) -> Result<Vec<CancellationRecord>, StoreError> {
        let namespace = namespace.clone();
        self.database
            .list(move |connection| {
                cancellations::list::list(connection, &namespace, (before, limit))
            })
            .await
    }

    async fn list_cancellation_items(
        &self,
        namespace: &Namespace,
        id: CancellationId,
        filter: CancellationItemFilter,
    ) -> Result<Option<Vec<CancellationItemRecord>>, StoreError> {
        let namespace = namespace.clone();
        self.database
            .list(move |connection| {
                cancellations::list::list_items(connection, (&namespace, id), filter)
            })
            .await
    }

    async fn list_open_cancellations(
        &self,
        limit: u32,
    ) -> Result<Vec<CancellationRecord>, StoreError> {
        self.database
            .list(move |connection| cancellations::list::list_open(connection, limit))
            .await
    }

    async fn list_undecided(
        &self,
        id: CancellationId,
        limit: u32,
    ) -> Result<Vec<UndecidedItem>, StoreError> {
        self.database
            .list(move |connection| cancellations::list::list_undecided(connection, id, limit))
            .await
    }

    async fn add_matches(
        &self,
        now: Timestamp,
        id: CancellationId,
        matches: Matches,
    ) -> Result<Option<CancellationRecord>, StoreError> {
        let bytes = decide::bytes(matches.tasks.len());
        self.database
            .write(Lane::Background, bytes, move |tx| {
                tx.step(Step::CancellationMatch);
                decide::add_matches(tx, now, id, &matches)
            })
            .await
    }

    async fn decide_items(
        &self,
        now: Timestamp,
        id: CancellationId,
        slice: DecidedSlice,
    ) -> Result<Option<CancellationRecord>, StoreError> {
        let bytes = decide::bytes(slice.outcomes.len() + slice.intended.len());
        self.database
            .write(Lane::Background, bytes, move |tx| {
                if !slice.outcomes.is_empty() {
                    tx.step(Step::CancellationDecide);
                }
                decide::decide(tx, now, id, &slice)
            })
            .await
    }

    async fn give_up_cancellation(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: CancellationId,
    ) -> Result<GiveUpOutcome, StoreError> {
        let namespace = namespace.clone();
        self.database
            .write(Lane::Cancel, SMALL_BYTES, move |tx| {
                tx.step(Step::CancellationGiveUp);
                decide::give_up(tx, now, (&namespace, id))
            })
            .await
    }

    async fn forget_cancellations(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.database
            .write(Lane::Background, SMALL_BYTES, move |tx| {
                forget::forget(tx, now, limit)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use refinery::Target;
    use rusqlite::Connection;
    use taskpilot_domain::names::{PrincipalName, TaskType};
    use taskpilot_store::rows::bindings::OwedCancel;

    use super::*;
    use crate::migrate::migrate;
    use crate::statements::{plans_of, prepare_all};

    #[test]
    fn every_statement_fits_the_schema() {
        prepare_all(&CONTROL);
    }

    /// What a caller names is walked, and nothing else.
    const WALKED: &str = "SCAN j VIRTUAL TABLE";

    #[test]
    fn no_statement_walks_a_table_or_sorts() {
        for (file, plan) in plans_of(&CONTROL) {
            for step in plan.lines().filter(|step| !step.starts_with(WALKED)) {
                let walks = step.contains("SCAN") || step.contains("TEMP B-TREE");
                assert!(!walks, "{file}:\n{plan}");
            }
        }
    }

    #[test]
    fn tasks_are_found_by_their_executions_in_the_index_alone() {
        let plans = plans_of(&CONTROL);
        let find = |(file, _): &&(String, String)| file.ends_with("tasks/find_bound.sql");
        let (_, plan) = plans.iter().find(find).unwrap();
        assert!(
            plan.contains("SEARCH task USING COVERING INDEX task_by_execution"),
            "{plan}"
        );
    }

    #[test]
    fn old_keys_are_found_by_their_age() {
        let plans = plans_of(&CONTROL);
        let find = |(file, _): &&(String, String)| file.ends_with("keys/list_old.sql");
        let (_, plan) = plans.iter().find(find).unwrap();
        assert!(
            plan.contains("SEARCH idempotency USING COVERING INDEX idempotency_age"),
            "{plan}"
        );
    }

    #[test]
    fn a_cancel_that_an_earlier_release_kept_is_the_first_one() {
        let mut connection = Connection::open_in_memory().unwrap();
        let before = (CONTROL.migrations)().set_target(Target::Version(6));
        before.run(&mut connection).unwrap();
        connection.execute_batch(KEPT_BY_SIX).unwrap();
        migrate(&mut connection, (CONTROL.migrations)()).unwrap();
        let intent = CancelIntent {
            requested_at: Timestamp::from_millis(5),
            requested_by: PrincipalName::local(),
            reason: Some("enough".into()),
            cascade: true,
            request_id: None,
        };
        let owed = OwedCancel { number: 1, intent };
        for (task, expected) in [(1, vec![owed]), (2, vec![]), (3, vec![])] {
            let binding = bindings::of(&connection, TaskId::new(task).unwrap());
            assert_eq!(binding.unwrap().cancels, expected, "{task}");
        }
        let count = "SELECT task, number, settled_at FROM cancel_intent";
        let kept: Vec<(i64, i64, Option<i64>)> = connection
            .prepare(count)
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(kept, [(1, 1, None), (2, 1, Some(7))]);
    }

    /// Bindings with a cancel that is owed, one that is settled, and none.
    const KEPT_BY_SIX: &str = "
        INSERT INTO task (
            id, namespace, kind, status, binding_key, version, created_at, updated_at
        ) VALUES
            (1, 'default', 'demo', 'BINDING', 'a', 1, 0, 0),
            (2, 'default', 'demo', 'BINDING', 'b', 1, 0, 0),
            (3, 'default', 'demo', 'BINDING', 'c', 1, 0, 0);
        INSERT INTO binding (
            task, namespace, key, principal, begun_at, tries, next_try_at, extended, plain,
            cancel_requested_at, cancel_requested_by, cancel_reason, cancel_cascades,
            cancel_settled_at
        ) VALUES
            (1, 'default', 'a', 'local', 0, 0, 9, '{}', '{}', 5, 'local', 'enough', 1, NULL),
            (2, 'default', 'b', 'local', 0, 0, 9, '{}', '{}', 6, 'local', NULL, NULL, 7),
            (3, 'default', 'c', 'local', 0, 0, 9, '{}', '{}', NULL, NULL, NULL, NULL, NULL);";

    #[tokio::test]
    async fn an_id_is_not_given_again_after_its_task_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteControlStore::open(directory.path()).unwrap();
        let first = create(&store).await;
        let gone = store.database.write(Lane::Create, 0, |tx| {
            tx.execute_batch("DELETE FROM task; DELETE FROM task_payload;")?;
            Ok(())
        });
        gone.await.unwrap();
        store.close();
        let store = SqliteControlStore::open(directory.path()).unwrap();
        assert!(create(&store).await > first);
    }

    async fn create(store: &SqliteControlStore) -> TaskId {
        let task = NewTask {
            namespace: Namespace::default_namespace(),
            kind: TaskType::new("demo").unwrap(),
            title: None,
            labels: BTreeMap::new(),
            payload: "null".into(),
            key: None,
            bind: None,
            cloned_from: None,
            parent: None,
            repeat_only: false,
        };
        let created = store.create_tasks(Timestamp::EPOCH, vec![task]).await;
        match created.unwrap().remove(0) {
            CreateTaskOutcome::Created(task, None) => task.id,
            other => panic!("not created: {other:?}"),
        }
    }
}
