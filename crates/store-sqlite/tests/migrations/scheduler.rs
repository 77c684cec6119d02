//! The database of the scheduler.

use std::sync::Arc;

use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Fence, SessionId, Token};
use taskpilot_domain::names::{IdempotencyKey, Namespace, PrincipalName, QueueName, TaskType};
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::queue::{QueueAction, QueueChange};
use taskpilot_domain::retention::Retention;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::{Containment, How, StopEvent};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::attempts::AttemptStore;
use taskpilot_store::families::FamilyStore;
use taskpilot_store::queues::QueueStore;
use taskpilot_store::rows::attempts::Exit;
use taskpilot_store::rows::executions::{
    CancelOutcome, CancelRequest, CancelTarget, CreateOutcome, ExecutionFilter, ExecutionRecord,
    NewExecution,
};
use taskpilot_store::rows::keys::KeyedRequest;
use taskpilot_store::rows::queues::QueueRequest;
use taskpilot_store::rows::sessions::{
    ClaimOutcome, ClaimRequest, FinishOutcome, HandIn, HandInOutcome, HandInVerdict, Heartbeat,
    HeartbeatOutcome, SessionRef,
};
use taskpilot_store::rows::stops::{ReleaseOutcome, ReleaseRequest, StopReport, StopVerdict};
use taskpilot_store::scheduler::SchedulerStore;
use taskpilot_store_sqlite::SqliteSchedulerStore;
use tempfile::TempDir;

use crate::{lines, make_old, newest, version_in};

mod schema {
    refinery::embed_migrations!("migrations/scheduler");
}

/// Every state and phase, every way in which an attempt and a stop had ended or hung, a tombstone, a
/// queue of each kind, and another namespace. Instants are small numbers; the clock stands at 100 s.
const ROWS: &str = "
INSERT INTO namespace (id, name) VALUES (1, 'default'), (2, 'other');
INSERT INTO queue (
    id, namespace, name, max_running, paused_at, paused_by, pause_reason,
    ready, scheduled, backing_off, blocked, running, stopping,
    changed, changed_at, changed_by, change_reason
) VALUES
    (1, 1, 'default', NULL, NULL, NULL, NULL, 1, 1, 1, 1, 1, 2, NULL, NULL, NULL, NULL),
    (2, 1, 'slow', 2, 90000, 'ops', 'maintenance', 1, 0, 0, 0, 0, 0, 3, 90000, 'ops', 'maintenance'),
    (3, 2, 'default', 5, NULL, NULL, NULL, 1, 0, 0, 0, 0, 0, 2, 80000, 'ops', 'five');
INSERT INTO handler_type (id, name) VALUES (1, 'demo'), (2, 'report');
UPDATE counter SET
    next_execution = 14, next_session = 3, next_seq = 40, clock_ms = 100000;
INSERT INTO worker_session (
    id, namespace, token, slots, containment, registered_at, renewed_at, lease_until, ended_at,
    claim_seq, name, queues, types
) VALUES
    (1, 1, X'01010101010101010101010101010101', 4, 2, 1000, 20000, 50000, 50000, 3, 'gone', '[1]',
        '[1,2]'),
    (2, 1, X'02020202020202020202020202020202', 4, 3, 2000, 99000, 129000, NULL, 7, 'worker',
        '[1,2]', '[1,2]');
INSERT INTO execution (
    id, namespace, queue, type, priority, state, seq, attempt, attempt_count, uncounted,
    max_attempts, run_at, started_at, state_at, deadline
) VALUES
    (1, 1, 1, 1, 0, 6, 1, 3, 2, 1, 3, 1500, 2000, 9000, NULL),
    (2, 1, 1, 1, 0, 7, 2, 1, 1, 0, 3, 1500, 2500, 8000, 8000),
    (3, 1, 1, 2, -10, 8, 0, 0, 0, 0, 3, 1500, 1500, 6000, NULL),
    (4, 1, 1, 1, 0, 8, 4, 1, 1, 0, 3, 1500, 3000, 7000, NULL),
    (5, 1, 1, 1, 0, 8, 5, 1, 1, 0, 3, 1500, 60000, 70000, NULL),
    (6, 1, 1, 2, 10, 5, 6, 2, 2, 0, 3, 1500, 4000, 60000, 400000),
    (7, 1, 1, 1, 5, 2, 7, 0, 0, 0, 7, 1500, 1500, 1500, NULL),
    (8, 1, 1, 1, 0, 3, 0, 0, 0, 0, 3, 200000, 1500, 1500, 300000),
    (9, 1, 1, 1, 0, 3, 0, 1, 1, 0, 3, 110000, 5000, 90000, NULL),
    (10, 1, 1, 1, 0, 4, 0, 1, 1, 0, 3, 1500, 61000, 95000, NULL),
    (11, 1, 1, NULL, 0, 8, 0, 0, 0, 0, 3, 6500, 6500, 6500, NULL),
    (12, 1, 2, 2, 0, 2, 12, 0, 0, 0, 3, 1500, 1500, 1500, NULL),
    (13, 2, 3, 1, 0, 2, 13, 0, 0, 0, 3, 1500, 1500, 1500, NULL);
INSERT INTO spec (
    execution, accepted_at, scheduled_for, backoff_initial_ms, backoff_max_ms, backoff_factor,
    attempt_timeout_ms, cancel_grace_ms, reference, key, payload
) VALUES
    (1, 1500, 1500, 1000, 60000, 2.0, 5000, 10000, 'ref-1', 'key-1', '\"one\"'),
    (2, 1500, 1500, 1000, 60000, 2.0, NULL, 10000, NULL, NULL, '{\"two\":2}'),
    (3, 1500, 1500, 1000, 60000, 2.0, NULL, 10000, NULL, NULL, '3'),
    (4, 1500, 1500, 1000, 60000, 2.0, NULL, 10000, 'ref-4', NULL, '4'),
    (5, 1500, 1500, 1000, 60000, 2.0, NULL, 200, NULL, NULL, '5'),
    (6, 1500, 1500, 1000, 60000, 2.0, 100000, 10000, NULL, NULL, '6'),
    (7, 1500, 1500, 1, 2, 1.5, NULL, 0, 'ref-7', 'key-7', '7'),
    (8, 1500, 200000, 1000, 60000, 2.0, NULL, 10000, NULL, NULL, '8'),
    (9, 1500, 1500, 1000, 60000, 2.0, NULL, 10000, NULL, NULL, '9'),
    (10, 1500, 1500, 1000, 60000, 2.0, 34000, 10000, NULL, NULL, '10'),
    (11, 6500, 6500, 1000, 60000, 2.0, NULL, 10000, NULL, 'key-11', NULL),
    (12, 1500, 1500, 1000, 60000, 2.0, NULL, 10000, NULL, NULL, '12'),
    (13, 1500, 1500, 1000, 60000, 2.0, NULL, 10000, NULL, 'key-1', '13');
INSERT INTO idempotency (namespace, key, fingerprint, execution, created_at) VALUES
    (1, 'key-1', zeroblob(32), 1, 1500),
    (1, 'key-7', zeroblob(32), 7, 1500),
    (1, 'key-11', NULL, 11, 6500),
    (1, 'key-of-a-forgotten-one', zeroblob(32), 999, 10),
    (2, 'key-1', zeroblob(32), 13, 1500);
INSERT INTO forgotten_key (forget_at, namespace, key) VALUES
    (2678400010, 1, 'key-of-a-forgotten-one');
INSERT INTO verdict (
    execution, canceled_at, canceled_by, reason, error_code, error_message
) VALUES
    (2, NULL, NULL, NULL, 'deadline_exceeded', 'the deadline has passed'),
    (3, 6000, 'alice', 'not wanted', NULL, NULL),
    (4, 7000, 'local', NULL, NULL, NULL),
    (5, 70000, 'local', 'too slow', NULL, NULL),
    (11, 6500, 'local', NULL, NULL, NULL);
INSERT INTO attempt (
    execution, attempt, session, token, claim_seq, claimed_at, timeout_at, outcome, ended_at,
    exit_code, exit_signal, late_at, late_outcome, error_code, error_message, result
) VALUES
    (1, 1, 1, X'11111111111111111111111111111111', 1, 2000, 7000, 3, 3000, 3, NULL, NULL, NULL,
        'exit', 'exit code 3', NULL),
    (1, 2, 1, X'12121212121212121212121212121212', 2, 4000, 9000, 6, 5000, NULL, 15, NULL, NULL,
        NULL, NULL, NULL),
    (1, 3, 1, X'13131313131313131313131313131313', 3, 6000, 11000, 2, 9000, 0, NULL, NULL, NULL,
        NULL, NULL, '{\"ok\":true}'),
    (2, 1, 1, X'21212121212121212121212121212121', 1, 2500, NULL, 8, 8000, NULL, 9, NULL, NULL,
        'deadline_exceeded', 'the deadline has passed', NULL),
    (4, 1, 1, X'41414141414141414141414141414141', 1, 3000, NULL, 9, 7000, 143, NULL, NULL, NULL,
        NULL, NULL, NULL),
    (5, 1, 2, X'51515151515151515151515151515151', 4, 60000, NULL, 9, 70000, NULL, NULL, 71000, 2,
        NULL, NULL, NULL),
    (6, 1, 1, X'61616161616161616161616161616161', 1, 4000, 104000, 4, 50000, NULL, NULL, NULL,
        NULL, 'lease_expired', 'the worker was lost', NULL),
    (6, 2, 2, X'62626262626262626262626262626262', 5, 60000, 160000, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL),
    (9, 1, 1, X'91919191919191919191919191919191', 2, 5000, NULL, 3, 90000, 1, NULL, NULL, NULL,
        'exit', 'exit code 1', NULL),
    (10, 1, 2, X'A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1', 6, 61000, 95000, 7, 95000, NULL, NULL, NULL,
        NULL, 'attempt_timeout', 'it ran too long', NULL);
INSERT INTO output (
    execution, attempt, stdout_truncated, stderr_truncated, stdout, stderr
) VALUES
    (1, 1, 0, 1, '', 'bad'),
    (1, 3, 1, 0, 'good', '');
INSERT INTO stop (
    execution, attempt, session, status, cause, grace_ms, requested_at, delivered_at,
    acknowledged_at, ended_at, stops_by, how, containment, evidence
) VALUES
    (2, 1, 1, 7, 5, 10000, 8000, 8100, NULL, 50000, 23000, NULL, NULL, NULL),
    (4, 1, 1, 8, 2, 10000, 7000, 7010, 7020, 7500, 22000, 4, 2, '{\"exitCode\":143,\"swept\":2}'),
    (5, 1, 2, 6, 2, 200, 70000, 70010, 70020, 70900, 75200, NULL, 3, '{\"detail\":\"alive\"}'),
    (10, 1, 2, 3, 6, 10000, 95000, 95010, NULL, NULL, 110000, NULL, NULL, NULL);
";

struct Old {
    store: SqliteSchedulerStore,
    directory: TempDir,
}

fn old() -> Old {
    let directory = tempfile::tempdir().unwrap();
    make_old(
        directory.path(),
        "scheduler",
        schema::migrations::runner(),
        ROWS,
    );
    let store = SqliteSchedulerStore::open(directory.path()).unwrap();
    Old { store, directory }
}

const NOW: i64 = 100_500;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

fn home() -> Namespace {
    Namespace::default_namespace()
}

fn other() -> Namespace {
    Namespace::new("other").unwrap()
}

fn id(number: i64) -> ExecutionId {
    ExecutionId::new(number).unwrap()
}

fn token(byte: u8) -> Token {
    Token::from_bytes([byte; 16])
}

fn worker() -> SessionRef {
    SessionRef {
        id: SessionId::new(2).unwrap(),
        token: token(2),
    }
}

fn fence(execution: i64, attempt: u32, byte: u8) -> Fence {
    Fence {
        execution: id(execution),
        attempt: AttemptNumber(attempt),
        token: token(byte),
    }
}

impl Old {
    async fn read(&self, number: i64) -> ExecutionRecord {
        let read = self.store.get_execution(&home(), id(number)).await.unwrap();
        read.unwrap()
    }

    async fn cancel(&self, target: CancelTarget, cascade: bool) -> CancelOutcome {
        let request = CancelRequest {
            namespace: home(),
            target,
            actor: PrincipalName::local(),
            reason: Some("again".into()),
            cascade,
            request_id: None,
        };
        let outcomes = self.store.cancel_executions(now(), vec![request]);
        outcomes.await.unwrap().remove(0)
    }

    async fn create(&self, new: NewExecution) -> CreateOutcome {
        let created = self.store.create_executions(now(), vec![new]);
        created.await.unwrap().remove(0)
    }

    /// What a claim is granted, by the numbers of the executions.
    async fn claim(&self, seq: u64) -> Vec<(i64, u32)> {
        let request = ClaimRequest {
            session: worker(),
            seq,
            tokens: (0..4).map(|byte| token(0xf0 + byte)).collect(),
            hand_ins: Vec::new(),
        };
        let ClaimOutcome::Served { grants, .. } = self.store.claim(now(), request).await.unwrap()
        else {
            panic!("it is not served");
        };
        let names = grants.iter().map(|grant| grant.fence);
        names
            .map(|fence| (fence.execution.get(), fence.attempt.0))
            .collect()
    }
}

fn by_id(number: i64) -> CancelTarget {
    let (id, reference) = (id(number), None);
    CancelTarget::Id { id, reference }
}

fn new(key: Option<&str>, parent: Option<i64>) -> NewExecution {
    NewExecution {
        namespace: home(),
        kind: TaskType::new("demo").unwrap(),
        payload: "\"new\"".into(),
        reference: None,
        key: key.map(|key| KeyedRequest {
            key: IdempotencyKey::new(key).unwrap(),
            fingerprint: [0; 32],
            expired: false,
        }),
        parent: parent.map(id),
        options: ExecutionOptions::default(),
    }
}

#[tokio::test]
async fn everything_of_an_old_scheduler_is_read_as_it_was() {
    let old = old();
    let mut all = Vec::new();
    for number in 1..=12 {
        all.push(old.read(number).await);
    }
    let theirs = old.store.get_execution(&other(), id(13)).await.unwrap();
    all.extend(theirs);
    assert!(
        old.store
            .get_execution(&home(), id(13))
            .await
            .unwrap()
            .is_none()
    );
    insta::assert_snapshot!("executions", lines(&all));
    let sessions = old.store.list_sessions(&home(), 10).await.unwrap();
    insta::assert_snapshot!("sessions", lines(&sessions));
    let queues = [home(), other()].map(|namespace| {
        let store = &old.store;
        async move { store.list_queues(&namespace, None, 10).await.unwrap() }
    });
    let [ours, theirs] = queues;
    let queues = [ours.await, theirs.await].concat();
    insta::assert_snapshot!("queues", lines(&queues));
    for state in State::ALL {
        let filter = ExecutionFilter {
            states: vec![state],
            before: None,
            limit: 100,
        };
        let listed = old.store.list_executions(&home(), filter).await.unwrap();
        let of_state = all[..12].iter().rev().map(|one| &one.summary);
        let of_state = of_state.filter(|one| one.standing.state == state);
        assert!(listed.iter().eq(of_state), "{state:?}: {listed:#?}");
    }
    let orders = old.store.list_orders(worker()).await.unwrap().unwrap();
    // What is STUCK is ordered again, and what has its order is not.
    let ordered: Vec<_> = orders.iter().map(|order| order.fence).collect();
    assert_eq!(ordered, [fence(5, 1, 0x51)]);
    let latest = old.store.latest_instant().await.unwrap();
    assert_eq!(latest, Some(Timestamp::from_millis(100_000)));
    old.store.close();
    let newest = newest(&schema::migrations::runner());
    assert_eq!(version_in(old.directory.path(), "scheduler"), newest);
}

#[tokio::test]
async fn work_that_was_begun_before_goes_on_under_its_lease() {
    let old = old();
    let heartbeat = Heartbeat {
        session: worker(),
        held: vec![
            (id(6), AttemptNumber(2)),
            (id(10), AttemptNumber(1)),
            (id(5), AttemptNumber(1)),
        ],
        answered_seq: 7,
        stops: Vec::new(),
        progress: Vec::new(),
        lease_ms: 30_000,
    };
    let HeartbeatOutcome::Renewed { lost, .. } =
        old.store.heartbeat(now(), heartbeat).await.unwrap()
    else {
        panic!("it is not renewed");
    };
    assert_eq!(lost, []);
    // Of four slots one runs and two are being stopped; but one of these is stuck.
    assert_eq!(old.claim(8).await, []);
    let stopped = |fence| StopReport {
        fence,
        event: StopEvent::Ended(How::Killed),
        ago_ms: 0,
        containment: Some(Containment::Subreaper),
        evidence: None,
    };
    let report = async |report| {
        let reported = old.store.report_stops(now(), worker(), vec![report]).await;
        assert_eq!(reported.unwrap(), Ok(vec![StopVerdict::Recorded]));
    };
    report(stopped(fence(5, 1, 0x51))).await;
    assert_eq!(old.claim(9).await, [(7, 1)]);
    let hand_in = HandIn {
        fence: fence(6, 2, 0x62),
        outcome: HandInOutcome::Succeeded("6".into()),
        exit: Exit::default(),
        output: None,
        how: None,
        containment: None,
        evidence: None,
        ago_ms: 0,
        jitter: Jitter(0),
    };
    let judged = old
        .store
        .finish_attempts(now(), worker(), vec![hand_in])
        .await;
    assert_eq!(
        judged.unwrap(),
        FinishOutcome::Judged(vec![HandInVerdict::Applied])
    );
    report(stopped(fence(10, 1, 0xa1))).await;
    // Nothing is unproven any more: it is begun again.
    assert_eq!(old.claim(10).await, [(10, 2)]);
    let resume = QueueRequest {
        namespace: home(),
        name: QueueName::new("slow").unwrap(),
        change: QueueChange {
            action: QueueAction::Resume,
            by: PrincipalName::local(),
            reason: None,
        },
    };
    old.store.change_queue(now(), resume).await.unwrap();
    assert_eq!(old.claim(11).await, [(12, 1)]);
    let queues = old.store.list_queues(&home(), None, 10).await.unwrap();
    insta::assert_snapshot!("queues_after", lines(&queues));
}

#[tokio::test]
async fn what_is_new_is_possible_with_what_is_old() {
    let old = old();
    // A later request of an old cancel, by id and by key.
    for target in [
        by_id(4),
        CancelTarget::Key(IdempotencyKey::new("key-11").unwrap()),
    ] {
        let outcome = old.cancel(target, false).await;
        assert!(matches!(outcome, CancelOutcome::Already(_)), "{outcome:?}");
    }
    let cancel = old.read(4).await.cancel.unwrap();
    assert_eq!(
        (cancel.later_count, cancel.later[0].reason.as_deref()),
        (1, Some("again"))
    );
    // A stop that failed before is released.
    let release = ReleaseRequest {
        namespace: home(),
        id: id(5),
        reference: None,
        attempt: None,
        actor: PrincipalName::local(),
        reason: "host is off".into(),
    };
    let released = old.store.release_stuck(now(), release).await.unwrap();
    assert!(
        matches!(released, ReleaseOutcome::Released(_)),
        "{released:?}"
    );
    // Children of an old one, whose tree is closed, and of one that was canceled before there were trees.
    let CreateOutcome::Created(child) = old.create(new(None, Some(7))).await else {
        panic!("no child");
    };
    assert_eq!(child.family, Some((id(7), id(7))));
    assert_eq!(
        child.summary.id,
        id(14),
        "an id is never used a second time"
    );
    let closed = old.cancel(by_id(7), true).await;
    assert!(matches!(closed, CancelOutcome::Canceled(_)), "{closed:?}");
    old.store.decide_descendants(now(), 10).await.unwrap();
    assert_eq!(
        old.read(14).await.summary.standing.state,
        State::Canceled,
        "it is below"
    );
    let CreateOutcome::Created(orphan) = old.create(new(None, Some(3))).await else {
        panic!("no child");
    };
    assert_eq!(orphan.summary.standing.state, State::Pending);
    // Keys stand for what they stood for.
    let replayed = old.create(new(Some("key-1"), None)).await;
    assert!(
        matches!(&replayed, CreateOutcome::Replayed(known) if known.summary.id == id(1)),
        "{replayed:?}"
    );
    let tombstone = old.create(new(Some("key-11"), None)).await;
    let CreateOutcome::Replayed(tombstone) = tombstone else {
        panic!("{tombstone:?}");
    };
    assert_eq!(
        (
            tombstone.summary.id,
            tombstone.summary.standing.state,
            tombstone.payload
        ),
        (id(11), State::Canceled, Some(Arc::from("\"new\"")))
    );
    let forgotten = old.create(new(Some("key-of-a-forgotten-one"), None)).await;
    assert!(matches!(forgotten, CreateOutcome::Expired), "{forgotten:?}");
}

#[tokio::test]
async fn what_is_old_enough_is_forgotten_and_what_lives_stays() {
    let old = old();
    let later = Timestamp::from_millis(NOW + 40 * 86_400_000);
    let retention = Retention {
        history_ms: 86_400_000,
    };
    while old.store.forget(later, retention, 100).await.unwrap().more {}
    let mut left = Vec::new();
    for number in 1..=12 {
        let kept = old.store.get_execution(&home(), id(number)).await.unwrap();
        left.extend(kept.map(|one| one.summary.id.get()));
    }
    // The fifth owes the proof of its stop, the others live.
    assert_eq!(left, [5, 6, 7, 8, 9, 10, 12]);
    let sessions = old.store.list_sessions(&home(), 10).await.unwrap();
    let sessions: Vec<_> = sessions.iter().map(|one| one.id.get()).collect();
    assert_eq!(sessions, [2]);
}
