//! The database of the control plane.

use std::collections::BTreeMap;

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::{IdempotencyKey, Namespace, PrincipalName, TaskType};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::cancellations::CancellationStore;
use taskpilot_store::control::ControlStore;
use taskpilot_store::rows::bindings::{
    BeginBindingOutcome, BindingRequest, CancelIntent, FinishBindingOutcome, IntendCancelOutcome,
    OwedCancel,
};
use taskpilot_store::rows::cancellations::{
    CancellationTarget, CreateCancellationOutcome, DecidedSlice, NewCancellation,
};
use taskpilot_store::rows::keys::KeyedRequest;
use taskpilot_store::rows::tasks::{
    CreateTaskOutcome, DeleteOutcome, NewTask, TaskFilter, TaskRecord,
};
use taskpilot_store_sqlite::SqliteControlStore;
use tempfile::TempDir;

use crate::{lines, make_old, newest, version_in};

mod schema {
    refinery::embed_migrations!("migrations/control");
}

/// Tasks of every status, bindings at every place where one may hang, a task that is deleted, a clone,
/// and another namespace. Instants are small numbers; it is about 10 s.
const ROWS: &str = "
INSERT INTO task (
    id, namespace, kind, title, labels, status, execution, binding_key, bind_error_code,
    bind_error_detail, version, created_at, updated_at, cloned_from
) VALUES
    (1, 'default', 'demo', 'The first', '{\"team\":\"a\",\"x\":\"y\"}', 'PENDING', NULL, NULL, NULL,
        NULL, 1, 1000, 1000, NULL),
    (2, 'default', 'demo', NULL, '{\"team\":\"a\"}', 'BOUND', 7, 'binding-2', NULL, NULL, 3, 1100, 1300,
        NULL),
    (3, 'default', 'report', NULL, NULL, 'BINDING', NULL, 'binding-3', 'scheduler_unavailable',
        'no answer', 3, 1200, 1400, NULL),
    (4, 'default', 'demo', NULL, NULL, 'CANCELED', NULL, NULL, NULL, NULL, 2, 1300, 1500, NULL),
    (5, 'default', 'demo', NULL, NULL, 'PENDING', NULL, 'binding-5', 'scheduler_error', 'refused', 3,
        1400, 1600, NULL),
    (6, 'default', 'demo', NULL, NULL, 'BOUND', 8, 'binding-6', NULL, NULL, 3, 1500, 1700, NULL),
    (7, 'default', 'demo', NULL, NULL, 'BINDING', NULL, 'binding-7', 'unknown_outcome', 'for you', 3,
        1600, 1800, NULL),
    (8, 'other', 'demo', NULL, '{\"team\":\"a\"}', 'PENDING', NULL, NULL, NULL, NULL, 1, 1700, 1700,
        NULL),
    (9, 'default', 'demo', NULL, NULL, 'PENDING', NULL, NULL, NULL, NULL, 1, 1800, 1800, NULL),
    (10, 'default', 'demo', 'The first', NULL, 'PENDING', NULL, NULL, NULL, NULL, 1, 1900, 1900, 1),
    (11, 'default', 'demo', NULL, NULL, 'PENDING', NULL, NULL, NULL, NULL, 1, 2000, 2000, NULL);
INSERT INTO task_payload (task, payload) VALUES
    (1, '\"one\"'), (2, '{\"two\":2}'), (3, '3'), (4, '4'), (5, '5'), (6, '6'), (7, '7'), (8, '8'),
    (10, '\"one\"');
INSERT INTO task_label (namespace, key, value, task) VALUES
    ('default', 'team', 'a', 1), ('default', 'x', 'y', 1), ('default', 'team', 'a', 2),
    ('other', 'team', 'a', 8);
INSERT INTO idempotency (namespace, key, fingerprint, task, created_at) VALUES
    ('default', 'key-1', zeroblob(32), 1, 1000),
    ('default', 'key-3', zeroblob(32), 3, 1200),
    ('default', 'key-11', zeroblob(32), 11, 2000);
INSERT INTO binding (
    task, namespace, key, principal, begun_at, plain_sent_at, refused_code, refused_detail,
    cancel_requested_at, cancel_requested_by, cancel_reason, cancel_settled_at, tries, next_try_at,
    extended, plain
) VALUES
    (3, 'default', 'binding-3', 'alice', 1400, NULL, NULL, NULL, 1450, 'bob', 'not wanted', NULL, 2,
        5000, '{\"type\":\"report\",\"priority\":1}', '{\"type\":\"report\"}'),
    (6, 'default', 'binding-6', 'alice', 1600, NULL, NULL, NULL, 1650, 'bob', NULL, NULL, 1, 5100,
        '{\"type\":\"demo\"}', '{\"type\":\"demo\"}'),
    (7, 'default', 'binding-7', 'local', 1700, 1750, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL,
        '{\"type\":\"demo\"}', '{\"type\":\"demo\"}');
DELETE FROM task WHERE id IN (9, 11);
INSERT INTO deleted_task (id, namespace, deleted_at) VALUES
    (9, 'default', 2100), (11, 'default', 2200);
";

struct Old {
    store: SqliteControlStore,
    directory: TempDir,
}

fn old() -> Old {
    let directory = tempfile::tempdir().unwrap();
    make_old(
        directory.path(),
        "control",
        schema::migrations::runner(),
        ROWS,
    );
    let store = SqliteControlStore::open(directory.path()).unwrap();
    Old { store, directory }
}

fn now() -> Timestamp {
    Timestamp::from_millis(10_000)
}

fn home() -> Namespace {
    Namespace::default_namespace()
}

fn id(number: i64) -> TaskId {
    TaskId::new(number).unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).unwrap()
}

fn keyed(text: &str, body: u8) -> KeyedRequest {
    KeyedRequest {
        key: key(text),
        fingerprint: [body; 32],
        expired: false,
    }
}

fn new(parent: Option<i64>) -> NewTask {
    NewTask {
        namespace: home(),
        kind: TaskType::new("demo").unwrap(),
        title: None,
        labels: BTreeMap::new(),
        payload: "\"new\"".into(),
        key: None,
        bind: None,
        cloned_from: None,
        parent: parent.map(id),
        repeat_only: false,
    }
}

impl Old {
    async fn read(&self, number: i64) -> Option<TaskRecord> {
        self.store.get_task(&home(), id(number)).await.unwrap()
    }

    async fn list(&self, filter: TaskFilter) -> Vec<i64> {
        let filter = TaskFilter {
            limit: 100,
            ..filter
        };
        let page = self.store.list_tasks(&home(), filter).await.unwrap();
        assert_eq!(page.next, None);
        page.tasks.iter().map(|task| task.id.get()).collect()
    }

    async fn create(&self, new: NewTask) -> CreateTaskOutcome {
        let created = self.store.create_tasks(now(), vec![new]);
        created.await.unwrap().remove(0)
    }
}

#[tokio::test]
async fn everything_of_an_old_control_plane_is_read_as_it_was() {
    let old = old();
    let mut all = Vec::new();
    for number in 1..=11 {
        all.extend(old.read(number).await);
    }
    let other = Namespace::new("other").unwrap();
    let theirs = old.store.get_task(&other, id(8)).await.unwrap();
    all.extend(theirs);
    insta::assert_snapshot!("tasks", lines(&all));
    let mut bindings = Vec::new();
    for (task, text) in [(3, "binding-3"), (6, "binding-6"), (7, "binding-7")] {
        let binding = old.store.get_binding(id(task), &key(text)).await.unwrap();
        bindings.push(binding.unwrap());
    }
    insta::assert_snapshot!("bindings", lines(&bindings));
    let due = old.store.list_due_bindings(now(), 10).await.unwrap();
    assert_eq!(due, bindings[..2], "the last is for an operator");

    assert_eq!(
        old.list(TaskFilter::default()).await,
        [10, 7, 6, 5, 4, 3, 2, 1]
    );
    let of_team = TaskFilter {
        labels: BTreeMap::from([("team".into(), "a".into())]),
        ..TaskFilter::default()
    };
    assert_eq!(old.list(of_team).await, [2, 1]);
    let of_type = TaskFilter {
        kind: Some(TaskType::new("report").unwrap()),
        ..TaskFilter::default()
    };
    assert_eq!(old.list(of_type).await, [3]);
    let bound = TaskFilter {
        status: Some(TaskStatus::Bound),
        ..TaskFilter::default()
    };
    assert_eq!(old.list(bound).await, [6, 2]);
    let executions = [7, 8].map(|number| ExecutionId::new(number).unwrap());
    let mut found = old
        .store
        .find_bound_tasks(&home(), executions.to_vec())
        .await
        .unwrap();
    found.sort_unstable();
    assert_eq!(found, [(executions[0], id(2)), (executions[1], id(6))]);
    old.store.close();
    let newest = newest(&schema::migrations::runner());
    assert_eq!(version_in(old.directory.path(), "control"), newest);
}

#[tokio::test]
async fn old_keys_stand_for_what_they_stood_for_and_old_ids_are_spent() {
    let old = old();
    let find = async |text: &str, body: u8| {
        let request = keyed(text, body);
        let found = old.store.find_keyed_task(&home(), &request).await;
        found.unwrap().unwrap()
    };
    let first = old.read(1).await.unwrap();
    assert_eq!(
        find("key-1", 0).await,
        CreateTaskOutcome::Replayed(first, None)
    );
    assert_eq!(find("key-1", 1).await, CreateTaskOutcome::Mismatch);
    assert_eq!(find("key-11", 0).await, CreateTaskOutcome::Gone(id(11)));
    let begun = find("key-3", 0).await;
    assert!(
        matches!(begun, CreateTaskOutcome::Replayed(_, Some(_))),
        "{begun:?}"
    );
    let deleted = old.store.delete_task(now(), &home(), id(9), None).await;
    assert_eq!(deleted.unwrap(), DeleteOutcome::Deleted);
    let CreateTaskOutcome::Created(task, None) = old.create(new(None)).await else {
        panic!("it is not created");
    };
    assert_eq!(task.id, id(12));
    let later = Timestamp::from_millis(40 * 86_400_000);
    assert_eq!(old.store.forget_keys(later, 100).await.unwrap(), 3);
}

#[tokio::test]
async fn bindings_that_were_begun_before_are_carried_on() {
    let old = old();
    let (begun, execution) = (key("binding-3"), ExecutionId::new(9).unwrap());
    let bound = old
        .store
        .finish_binding(now(), id(3), &begun, execution)
        .await;
    let FinishBindingOutcome::Bound(task) = bound.unwrap() else {
        panic!("it is not bound");
    };
    assert_eq!(task.execution, Some(execution));
    // What was intended before there were trees is about the task alone, and a later wish may be about
    // more.
    let intent = CancelIntent {
        requested_at: now(),
        requested_by: PrincipalName::local(),
        reason: None,
        cascade: true,
        request_id: None,
    };
    let owed = old.store.get_binding(id(3), &key("binding-3")).await;
    let owed = owed.unwrap().unwrap().cancels;
    let owed: Vec<_> = owed
        .iter()
        .map(|owed| {
            (
                owed.number,
                owed.intent.cascade,
                owed.intent.reason.as_deref(),
            )
        })
        .collect();
    assert_eq!(owed, [(1, false, Some("not wanted"))]);
    let intended = old
        .store
        .intend_cancel(now(), &home(), id(7), intent.clone())
        .await;
    let IntendCancelOutcome::Intended(binding) = intended.unwrap() else {
        panic!("it is not intended");
    };
    assert_eq!(binding.cancels, [OwedCancel { number: 1, intent }]);
    for (task, text) in [(3, "binding-3"), (6, "binding-6")] {
        let key = key(text);
        let settled = old.store.settle_cancel(now(), (id(task), &key), 1).await;
        settled.unwrap();
        let left = old.store.get_binding(id(task), &key).await.unwrap();
        assert_eq!(left, None, "task {task}");
    }
    let again = BindingRequest {
        key: key("binding-5-again"),
        principal: PrincipalName::local(),
        extended: "{}".into(),
        plain: "{}".into(),
    };
    let begun = old.store.begin_binding(now(), &home(), id(5), again).await;
    assert!(matches!(begun.unwrap(), BeginBindingOutcome::Begun(_)));
}

#[tokio::test]
async fn old_tasks_get_children_and_are_canceled_as_many() {
    let old = old();
    let CreateTaskOutcome::Created(child, None) = old.create(new(Some(2))).await else {
        panic!("no child");
    };
    assert_eq!(child.parent, Some(id(2)));
    let below = TaskFilter {
        parent: Some(id(2)),
        ..TaskFilter::default()
    };
    assert_eq!(old.list(below).await, [child.id.get()]);
    let many = NewCancellation {
        namespace: home(),
        requested_by: PrincipalName::local(),
        reason: None,
        target: CancellationTarget::Tasks(vec![id(1), id(2), id(9)]),
        key: None,
        max_per_second: None,
    };
    let begun = old.store.create_cancellation(now(), many).await.unwrap();
    let CreateCancellationOutcome::Created(begun) = begun else {
        panic!("it is not begun");
    };
    let items = old.store.list_undecided(begun.id, 10).await.unwrap();
    let seen = items.iter().map(|item| {
        let standing = item.standing.as_ref();
        let status = standing.map(|one| one.status);
        let key = standing.and_then(|one| one.binding_key.as_deref());
        (item.task.get(), status, key)
    });
    let seen: Vec<_> = seen.collect();
    assert_eq!(
        seen,
        [
            (1, Some(TaskStatus::Pending), None),
            (2, Some(TaskStatus::Bound), Some("binding-2")),
            (9, None, None)
        ]
    );
    let slice = DecidedSlice {
        outcomes: vec![
            (id(1), CancellationOutcome::NotBound),
            (id(2), CancellationOutcome::Canceled),
            (id(9), CancellationOutcome::Missing),
        ],
        ..DecidedSlice::default()
    };
    let done = old.store.decide_items(now(), begun.id, slice).await;
    assert!(done.unwrap().unwrap().completed_at.is_some());
}
