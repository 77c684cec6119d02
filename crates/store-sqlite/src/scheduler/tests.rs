//! What is the engine's own: plans, the cost of a claim, numbers over rollbacks, quiet when idle.

mod heartbeats;
mod totals;

use std::collections::HashSet;
use std::sync::Arc;

use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};
use taskpilot_domain::limits::{LEASE_MS, SLOTS_MAX, TICK_ROWS_MAX};
use taskpilot_domain::names::{Namespace, PrincipalName, QueueName, TaskType, WorkerName};
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::Containment;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::families::FamilyStore;
use taskpilot_store::lanes::Lane;
use taskpilot_store::rows::changes::Change;
use taskpilot_store::rows::executions::{CancelRequest, CancelTarget, CreateOutcome, NewExecution};
use taskpilot_store::rows::sessions::{ClaimOutcome, ClaimRequest, NewSession, SessionRef};
use taskpilot_store::scheduler::SchedulerStore;
use tempfile::TempDir;

use super::sessions::end;
use super::store::SCHEDULER;
use super::turn::lock;
use super::{SqliteSchedulerStore, executions};
use crate::failure::Failure;
use crate::statements::{plans_of, prepare_all};

#[test]
fn every_statement_fits_the_schema() {
    prepare_all(&SCHEDULER);
}

/// What a worker or a caller names is walked, once after a start the types with a cleanup, and the totals,
/// which grow with types and not with time.
const WALKED: [&str; 4] = [
    "SCAN json_each VIRTUAL TABLE",
    "SCAN j VIRTUAL TABLE",
    "SCAN cleanup_type",
    "SCAN stop_latency_total",
];

/// What is bounded by the slots or the lists of one session is sorted, or by the minutes of a report.
const SORTED: [&str; 7] = [
    "latency/list.sql",
    "attempts/list_claimed.sql",
    "attempts/list_heads.sql",
    "stops/list_open.sql",
    "sessions/list_queues.sql",
    "sessions/list_types.sql",
    "sessions/list_cleanups.sql",
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

/// Each statement of retention, and how it finds its rows.
const SOUGHT: [(&str, &str); 20] = [
    (
        "list_oldest",
        "SEARCH e USING INTEGER PRIMARY KEY (rowid>?)",
    ),
    (
        "list_sessions",
        "SEARCH worker_session USING COVERING INDEX worker_session_ended",
    ),
    (
        "list_forgotten_keys",
        "SEARCH forgotten_key USING PRIMARY KEY (forget_at<?)",
    ),
    ("count_bytes", "SEARCH s USING INTEGER PRIMARY KEY"),
    ("count_bytes", "SEARCH a USING PRIMARY KEY (execution=?)"),
    ("count_bytes", "SEARCH o USING PRIMARY KEY (execution=?)"),
    ("delete_execution", "USING INTEGER PRIMARY KEY (rowid=?)"),
    ("delete_spec", "USING INTEGER PRIMARY KEY (rowid=?)"),
    ("delete_verdict", "USING INTEGER PRIMARY KEY (rowid=?)"),
    ("delete_attempts", "USING PRIMARY KEY (execution=?)"),
    ("delete_outputs", "USING PRIMARY KEY (execution=?)"),
    ("delete_stops", "USING PRIMARY KEY (execution=?)"),
    ("leave_family", "USING INTEGER PRIMARY KEY (rowid=?)"),
    ("delete_family", "USING INTEGER PRIMARY KEY (rowid=?)"),
    ("delete_closed_tree", "USING INTEGER PRIMARY KEY (rowid=?)"),
    ("delete_cleanup", "USING INTEGER PRIMARY KEY (rowid=?)"),
    ("delete_progress", "USING INTEGER PRIMARY KEY (rowid=?)"),
    ("delete_key", "USING PRIMARY KEY (namespace=? AND key=?)"),
    ("delete_session", "USING INTEGER PRIMARY KEY (rowid=?)"),
    ("delete_stop_latency", "USING PRIMARY KEY (minute=?)"),
];

#[test]
fn retention_walks_in_the_order_of_ids_and_finds_the_rest_by_its_age() {
    let plans = plans_of(&SCHEDULER);
    for (name, expected) in SOUGHT {
        let file = format!("retention/{name}.sql");
        let found = plans.iter().find(|(path, _)| path.ends_with(&file));
        let (_, plan) = found.unwrap();
        assert!(plan.contains(expected), "{file}:\n{plan}");
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
        parent: None,
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
        cleanups: Vec::new(),
        slots: SLOTS_MAX,
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
    store.decide_descendants(at(10), 10).await.unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_before_its_work_gets_it_with_the_same_commit() {
    let (_directory, store) = open();
    let (queue, kind) = (QueueName::new("a").unwrap(), TaskType::new("x").unwrap());
    let session = register(&store, vec![queue], vec![kind]).await;
    let mut changes = store.changes();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let holding = store.write(at(0), (Lane::Heartbeat, 0), move |_| {
        let _ = held.recv();
        Ok(())
    });
    // The claim is served before the create, as its lane is.
    let (_, granted, ..) = tokio::join!(
        holding,
        claim(&store, session, 2),
        create(&store, at(1), job("a", "x")),
        async { drop(release) },
    );
    assert_eq!(granted, 1);
    let said = changes.recv().await.unwrap();
    let others: Vec<_> = said
        .iter()
        .filter(|change| !matches!(change, Change::Execution(_)))
        .collect();
    assert!(others.is_empty(), "nobody is woken for it: {others:?}");
}

const FIRST: AttemptNumber = AttemptNumber(1);

/// A session that runs `count` attempts.
async fn busy(store: &SqliteSchedulerStore, count: u8) -> SessionRef {
    let batch = vec![job("a", "x"); count.into()];
    store.create_executions(at(0), batch).await.unwrap();
    let (queue, kind) = (QueueName::new("a").unwrap(), TaskType::new("x").unwrap());
    let session = register(store, vec![queue], vec![kind]).await;
    assert_eq!(claim(store, session, count).await, usize::from(count));
    session
}

#[tokio::test]
async fn a_tick_never_moves_more_than_its_limit() {
    let (_directory, store) = open();
    for _ in 0..2 {
        busy(&store, 3).await;
    }
    let mut moved = Vec::new();
    for _ in 0..5 {
        let tick = store.expire_sessions(at(2 * LEASE_MS), 2, Jitter(0)).await;
        moved.push(tick.unwrap().moved);
    }
    assert_eq!(moved, [2, 2, 2, 2, 0], "two sessions of three attempts");
}

#[tokio::test]
async fn a_session_claims_nothing_between_the_parts_of_its_goodbye() {
    let (_directory, store) = open();
    let session = busy(&store, 3).await;
    let part = async || {
        let said = store.write(at(9), (Lane::Finish, 0), move |turn| {
            let never_started = HashSet::from([1, 2, 3].map(|id| (id.try_into().unwrap(), FIRST)));
            end::goodbye(turn, session, &never_started, (2, Jitter(0)))
        });
        said.await.unwrap().unwrap()
    };
    assert!(!part().await, "two are given back, and claimable");
    let request = ClaimRequest {
        session,
        seq: 2,
        tokens: vec![Token::from_bytes([9; 16])],
        hand_ins: Vec::new(),
    };
    let refused = store.claim(at(9), request).await.unwrap();
    assert!(matches!(refused, ClaimOutcome::OutOfOrder), "{refused:?}");
    assert!(part().await);
}

#[tokio::test]
async fn a_goodbye_of_a_full_session_lets_others_between() {
    let (_directory, store) = open();
    let mut changes = store.changes();
    let count = TICK_ROWS_MAX + 1;
    let session = busy(&store, u8::try_from(count).unwrap()).await;
    let said = store.end_session(at(9), session, Vec::new(), Jitter(0));
    said.await.unwrap().unwrap();
    let mut moved = Vec::new();
    while moved.iter().sum::<u32>() < 2 * count {
        let commit = changes.recv().await.unwrap();
        let executions = commit
            .iter()
            .filter(|change| matches!(change, Change::Execution(_)));
        moved.push(u32::try_from(executions.count()).unwrap());
    }
    moved.retain(|executions| *executions > 0);
    assert_eq!(moved, [count, TICK_ROWS_MAX, 1], "the claim, the goodbye");
}

/// What is closed and decided costs a claim nothing, and so does what was never closed.
#[tokio::test]
async fn a_claim_looks_for_closed_trees_only_while_one_is_undecided() {
    let (directory, store) = open();
    let root = create(&store, at(0), job("a", "x")).await;
    let child = NewExecution {
        parent: Some(root),
        ..job("a", "x")
    };
    create(&store, at(0), child).await;
    let undecided = |store: &SqliteSchedulerStore| lock(&store.memory).has_undecided;
    assert!(!undecided(&store));
    let cascade = CancelRequest {
        namespace: Namespace::default_namespace(),
        target: CancelTarget::Id {
            id: root,
            reference: None,
        },
        actor: PrincipalName::local(),
        reason: None,
        cascade: true,
        request_id: None,
    };
    store.cancel_executions(at(1), vec![cascade]).await.unwrap();
    assert!(undecided(&store));
    store.close();
    let store = SqliteSchedulerStore::open(directory.path()).unwrap();
    store.promote_due(at(2), 1).await.unwrap();
    assert!(undecided(&store), "it is found after a restart");
    let mut moved = Vec::new();
    for _ in 0..3 {
        moved.push(store.decide_descendants(at(2), 10).await.unwrap().moved);
    }
    assert_eq!(moved, [1, 0, 0]);
    assert!(!undecided(&store));
}
