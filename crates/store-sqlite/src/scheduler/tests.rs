//! What is the engine's own: plans, the cost of a claim, numbers over rollbacks, quiet when idle.

use std::sync::Arc;

use taskpilot_domain::ids::{ExecutionId, Token};
use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::names::{Namespace, QueueName, TaskType, WorkerName};
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::Containment;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::lanes::Lane;
use taskpilot_store::rows::changes::Change;
use taskpilot_store::rows::executions::{CreateOutcome, NewExecution};
use taskpilot_store::rows::sessions::{ClaimOutcome, ClaimRequest, NewSession, SessionRef};
use taskpilot_store::scheduler::SchedulerStore;
use tempfile::TempDir;

use super::store::SCHEDULER;
use super::{SqliteSchedulerStore, executions};
use crate::failure::Failure;
use crate::statements::{plans_of, prepare_all};

#[test]
fn every_statement_fits_the_schema() {
    prepare_all(&SCHEDULER);
}

/// What a worker or a caller names is walked, and so is a partial index up to its first entry.
const WALKED: [&str; 4] = [
    "SCAN json_each VIRTUAL TABLE",
    "SCAN j VIRTUAL TABLE",
    "SCAN execution USING COVERING INDEX execution_due",
    "SCAN worker_session USING INDEX worker_session_lease",
];

/// What is bounded by the slots or the lists of one session is sorted.
const SORTED: [&str; 5] = [
    "attempts/list_claimed.sql",
    "attempts/list_heads.sql",
    "stops/list_open.sql",
    "sessions/list_queues.sql",
    "sessions/list_types.sql",
];

#[test]
fn no_statement_walks_a_table_or_sorts_what_has_no_bound() {
    for (file, plan) in plans_of(&SCHEDULER) {
        for step in plan.lines() {
            let walks = step.contains("SCAN") && !WALKED.iter().any(|known| step.contains(known));
            assert!(!walks, "{file}:\n{plan}");
        }
        let sorts =
            plan.contains("TEMP B-TREE") && !SORTED.iter().any(|known| file.ends_with(known));
        assert!(!sorts, "{file}:\n{plan}");
    }
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus_ms(ms)
}

fn open() -> (TempDir, SqliteSchedulerStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteSchedulerStore::open(directory.path()).unwrap();
    (directory, store)
}

fn job(queue: &str, kind: &str) -> NewExecution {
    NewExecution {
        namespace: Namespace::default_namespace(),
        kind: TaskType::new(kind).unwrap(),
        payload: Arc::from("null"),
        reference: None,
        key: None,
        options: ExecutionOptions {
            queue: QueueName::new(queue).unwrap(),
            ..ExecutionOptions::default()
        },
    }
}

async fn create(store: &SqliteSchedulerStore, now: Timestamp, new: NewExecution) -> ExecutionId {
    let mut outcomes = store.create_executions(now, vec![new]).await.unwrap();
    match outcomes.remove(0) {
        CreateOutcome::Created(record) => record.summary.id,
        other => panic!("not created: {other:?}"),
    }
}

async fn register(
    store: &SqliteSchedulerStore,
    queues: Vec<QueueName>,
    types: Vec<TaskType>,
) -> SessionRef {
    let token = Token::from_bytes([7; 16]);
    let session = NewSession {
        namespace: Namespace::default_namespace(),
        name: WorkerName::new("worker").unwrap(),
        queues,
        types,
        slots: 100,
        containment: Containment::Subreaper,
        token,
        lease_ms: LEASE_MS,
    };
    let id = store.register_session(at(0), session).await.unwrap().id;
    SessionRef { id, token }
}

async fn claim(store: &SqliteSchedulerStore, session: SessionRef, want: u8) -> usize {
    let request = ClaimRequest {
        session,
        seq: 1,
        tokens: (0..want).map(|n| Token::from_bytes([n; 16])).collect(),
        hand_ins: Vec::new(),
    };
    match store.claim(at(3), request).await.unwrap() {
        ClaimOutcome::Served { grants, .. } => grants.len(),
        other => panic!("not served: {other:?}"),
    }
}

/// Leaving a pair of queue and type early is the planner's doing, and so is it a bound.
#[tokio::test]
async fn a_claim_seeks_each_pair_and_reads_what_it_takes() {
    let (_directory, store) = open();
    let names: Vec<String> = (0..8).map(|n| format!("n{n}")).collect();
    let queues = names.iter().map(|name| QueueName::new(name).unwrap());
    let types = names.iter().map(|name| TaskType::new(name).unwrap());
    let session = register(&store, queues.collect(), types.collect()).await;
    for _ in 0..5 {
        let backlog = vec![job("n3", "n4"); 1_000];
        store.create_executions(at(0), backlog).await.unwrap();
    }
    assert_eq!(claim(&store, session, 10).await, 10);
    let steps = store.last_claim_steps();
    assert!((64..3_000).contains(&steps), "{steps} steps for 64 pairs");
}

#[tokio::test]
async fn a_rollback_gives_no_number_twice_and_forgets_names() {
    let (_directory, store) = open();
    let first = create(&store, at(0), job("a", "x")).await;
    let lost = store
        .write(at(1), (Lane::Create, 0), |turn| -> Result<(), _> {
            executions::create::create(turn, &[job("b", "y")])?;
            Err(Failure::Panicked)
        })
        .await;
    lost.unwrap_err();
    let second = create(&store, at(2), job("b", "y")).await;
    assert!(second.get() > first.get() + 1, "the lost one had a number");
    let namespace = Namespace::default_namespace();
    let record = store.get_execution(&namespace, second).await.unwrap();
    let queue = record.map(|record| record.summary.queue);
    assert_eq!(queue, QueueName::new("b").ok(), "its name was written anew");
}

async fn rows_changed(store: &SqliteSchedulerStore) -> u64 {
    let changed = store.write(at(9), (Lane::Background, 0), |turn| {
        Ok(turn.tx.total_changes())
    });
    changed.await.unwrap()
}

#[tokio::test]
async fn a_tick_that_finds_nothing_writes_nothing() {
    let (_directory, store) = open();
    create(&store, at(5), job("a", "x")).await;
    let before = rows_changed(&store).await;
    store.promote_due(at(10), 10).await.unwrap();
    store.pass_deadlines(at(10), 10).await.unwrap();
    assert_eq!(rows_changed(&store).await, before);
    assert_eq!(store.latest_instant().await.unwrap(), Some(at(5)));
    create(&store, at(6), job("a", "x")).await;
    let told = store.latest_instant().await.unwrap();
    assert_eq!(told, Some(at(10)), "the next write keeps it");
}

#[tokio::test]
async fn a_commit_says_each_thing_once() {
    let (_directory, store) = open();
    let mut changes = store.changes();
    let batch = vec![job("a", "x"), job("a", "x"), job("b", "x"), job("a", "x")];
    store.create_executions(at(0), batch).await.unwrap();
    let said = changes.recv().await.unwrap();
    let mut queues: Vec<_> = said
        .iter()
        .map(|change| match change {
            Change::Ready { queue, .. } => queue.as_str(),
            other => panic!("nobody waits for {other:?}"),
        })
        .collect();
    queues.sort_unstable();
    assert_eq!(queues, ["a", "b"]);
}

#[tokio::test]
async fn an_expiry_begins_no_session_after_it_has_moved_enough() {
    let (_directory, store) = open();
    let (queues, types) = (QueueName::new("a"), TaskType::new("x"));
    let (queues, types) = (vec![queues.unwrap()], vec![types.unwrap()]);
    for _ in 0..2 {
        let batch = vec![job("a", "x"); 3];
        store.create_executions(at(0), batch).await.unwrap();
        let session = register(&store, queues.clone(), types.clone()).await;
        assert_eq!(claim(&store, session, 3).await, 3);
    }
    let over = at(LEASE_MS);
    let first = store.expire_sessions(over, 2, Jitter(0)).await.unwrap();
    assert_eq!((first.moved, first.ended.len()), (4, 1));
    assert!(
        first.next_at.is_some_and(|next| next <= over),
        "more is due"
    );
    let second = store.expire_sessions(over, 2, Jitter(0)).await.unwrap();
    assert_eq!((second.moved, second.ended.len()), (4, 1));
}
