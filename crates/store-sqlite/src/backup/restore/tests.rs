//! Copies of stores in use, and what becomes of them in another directory.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use taskpilot_domain::ids::{ExecutionId, TaskId, Token};
use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::names::{Namespace, QueueName, TaskType, WorkerName};
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::stop::Containment;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::control::ControlStore;
use taskpilot_store::rows::executions::{CreateOutcome, NewExecution};
use taskpilot_store::rows::sessions::SessionRef;
use taskpilot_store::rows::sessions::{Heartbeat, HeartbeatOutcome, NewSession, SessionGone};
use taskpilot_store::rows::tasks::{CreateTaskOutcome, NewTask};
use taskpilot_store::scheduler::SchedulerStore;
use tempfile::TempDir;

use super::*;
use crate::backup::copy;
use crate::{SqliteControlStore, SqliteSchedulerStore};

fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

async fn task(store: &SqliteControlStore) -> TaskId {
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
    match store
        .create_tasks(now(), vec![task])
        .await
        .unwrap()
        .remove(0)
    {
        CreateTaskOutcome::Created(task, None) => task.id,
        other => panic!("not created: {other:?}"),
    }
}

async fn execution(store: &SqliteSchedulerStore) -> ExecutionId {
    let new = NewExecution {
        parent: None,
        namespace: Namespace::default_namespace(),
        kind: TaskType::new("demo").unwrap(),
        payload: Arc::from("null"),
        reference: None,
        key: None,
        options: ExecutionOptions::default(),
    };
    let mut outcomes = store.create_executions(now(), vec![new]).await.unwrap();
    match outcomes.remove(0) {
        CreateOutcome::Created(record) => record.summary.id,
        other => panic!("not created: {other:?}"),
    }
}

/// The copy of a database, taken while its store is open.
fn copied(directory: &Path, database: &str) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("copy.db");
    assert!(copy(directory, database, &path).unwrap());
    (place, path)
}

fn restored(database: &str, copy: &Path, into: &Path) -> Result<(), RestoreError> {
    let mut restore = Restore::begin(into)?;
    let mut file = restore.create(database).unwrap();
    io::copy(&mut File::open(copy).unwrap(), &mut file).unwrap();
    restore.take(database)?;
    restore.finish().map(drop)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names = names_in(directory).unwrap();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn what_was_acknowledged_before_the_copy_is_there_and_ids_jump() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqliteControlStore::open(first.path()).unwrap();
    let kept = task(&store).await;
    let (_place, copy) = copied(first.path(), "control");
    let lost = task(&store).await;
    restored("control", &copy, second.path()).unwrap();
    let path = second.path().join("control.db");
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let store = SqliteControlStore::open(second.path()).unwrap();
    let namespace = Namespace::default_namespace();
    assert!(store.get_task(&namespace, kept).await.unwrap().is_some());
    assert!(store.get_task(&namespace, lost).await.unwrap().is_none());
    assert_eq!(task(&store).await.get(), kept.get() + RESTORE_IDS_JUMP + 1);
}

#[tokio::test]
async fn ids_jump_also_where_there_was_none() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqliteControlStore::open(first.path()).unwrap();
    let (_place, copy) = copied(first.path(), "control");
    drop(store);
    restored("control", &copy, second.path()).unwrap();
    let store = SqliteControlStore::open(second.path()).unwrap();
    assert_eq!(task(&store).await.get(), RESTORE_IDS_JUMP + 1);
}

#[tokio::test]
async fn a_worker_of_the_life_before_is_unknown_and_its_lease_still_runs() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqliteSchedulerStore::open(first.path()).unwrap();
    let before = execution(&store).await;
    let token = Token::from_bytes([7; 16]);
    let session = NewSession {
        namespace: Namespace::default_namespace(),
        name: WorkerName::new("worker").unwrap(),
        queues: vec![QueueName::default_queue()],
        types: vec![TaskType::new("demo").unwrap()],
        cleanups: Vec::new(),
        slots: 1,
        containment: Containment::Subreaper,
        token,
        lease_ms: LEASE_MS,
    };
    let id = store.register_session(now(), session).await.unwrap().id;
    let (_place, copy) = copied(first.path(), "scheduler");
    restored("scheduler", &copy, second.path()).unwrap();
    let store = SqliteSchedulerStore::open(second.path()).unwrap();
    let beat = Heartbeat {
        session: SessionRef { id, token },
        held: Vec::new(),
        answered_seq: 0,
        stops: Vec::new(),
        progress: Vec::new(),
        lease_ms: LEASE_MS,
    };
    let said = store.heartbeat(now(), beat).await.unwrap();
    assert_eq!(said, HeartbeatOutcome::Gone(SessionGone::Unknown));
    let (_, record) = store.get_session(id).await.unwrap().unwrap();
    assert_eq!(record.ended_at, None);
    let next = execution(&store).await.get();
    assert_eq!(next, before.get() + RESTORE_IDS_JUMP + 1);
}

#[test]
fn a_directory_that_is_in_use_or_not_empty_is_left_as_it_is() {
    let used = tempfile::tempdir().unwrap();
    let store = SqliteControlStore::open(used.path()).unwrap();
    let before = names(used.path());
    let refused = Restore::begin(used.path()).unwrap_err();
    assert!(matches!(
        refused,
        RestoreError::Open(OpenError::Locked { .. })
    ));
    drop(store);
    let refused = Restore::begin(used.path()).unwrap_err();
    assert!(matches!(refused, RestoreError::NotEmpty(_)), "{refused}");
    assert!(before.contains(&"control.db".to_owned()));
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("letter"), "dear").unwrap();
    Restore::begin(other.path()).unwrap_err();
    assert_eq!(names(other.path()), ["letter"]);
}

#[test]
fn two_restores_do_not_meet_in_one_directory() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Restore::begin(directory.path()).unwrap();
    let refused = Restore::begin(directory.path()).unwrap_err();
    assert!(matches!(
        refused,
        RestoreError::Open(OpenError::Locked { .. })
    ));
}

/// What a restore of a copy that `spoil` has changed says; nothing of it is left.
fn refusal(spoil: impl FnOnce(&Path)) -> RestoreError {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(SqliteControlStore::open(first.path()).unwrap());
    let (_place, copy) = copied(first.path(), "control");
    spoil(&copy);
    let refused = restored("control", &copy, second.path()).unwrap_err();
    assert_eq!(names(second.path()), ["control.lock", "scheduler.lock"]);
    refused
}

#[test]
fn a_copy_that_is_damaged_foreign_or_of_a_newer_release_is_refused() {
    let truncated = refusal(|copy| {
        let file = OpenOptions::new().write(true).open(copy).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    });
    assert!(
        matches!(truncated, RestoreError::Damaged { .. }),
        "{truncated}"
    );
    let garbage = refusal(|copy| fs::write(copy, vec![b'x'; 10_000]).unwrap());
    assert!(matches!(garbage, RestoreError::Damaged { .. }), "{garbage}");
    let foreign = refusal(|copy| {
        fs::remove_file(copy).unwrap();
        let foreign = Connection::open(copy).unwrap();
        foreign.execute_batch("CREATE TABLE a (b)").unwrap();
    });
    assert!(matches!(foreign, RestoreError::Damaged { .. }), "{foreign}");
    let newer = refusal(|copy| {
        let later = "INSERT INTO refinery_schema_history SELECT 999, 'later', applied_on, checksum \
                     FROM refinery_schema_history LIMIT 1";
        Connection::open(copy).unwrap().execute(later, []).unwrap();
    });
    assert!(
        matches!(
            newer,
            RestoreError::Open(OpenError::NewerSchema { found: 999, .. })
        ),
        "{newer}"
    );
}

/// Lets the table go on without an index for the time of one update.
const FORGET_IN_INDEX: &str = "
    CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'task_by_status';
    PRAGMA writable_schema = ON;
    DELETE FROM sqlite_schema WHERE name = 'task_by_status';
    PRAGMA writable_schema = RESET;
    UPDATE task SET status = 'CANCELED';
    PRAGMA writable_schema = ON;
    INSERT INTO sqlite_schema SELECT * FROM kept;
    PRAGMA writable_schema = RESET;
";

#[tokio::test]
async fn a_copy_whose_index_lacks_a_row_is_refused() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SqliteControlStore::open(first.path()).unwrap();
    task(&store).await;
    let (_place, copy) = copied(first.path(), "control");
    let connection = Connection::open(&copy).unwrap();
    connection.execute_batch(FORGET_IN_INDEX).unwrap();
    connection.close().unwrap();
    let refused = restored("control", &copy, second.path()).unwrap_err();
    assert!(matches!(refused, RestoreError::Damaged { .. }), "{refused}");
    assert!(refused.to_string().contains("task_by_status"), "{refused}");
}

/// The reason stands at the list: nothing repairs a binding whose execution the later copy lacks.
#[test]
fn the_control_plane_is_copied_before_the_scheduler() {
    assert_eq!(DATABASES, ["control", "scheduler"]);
}
