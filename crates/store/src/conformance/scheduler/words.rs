//! The nouns the cases are told in: instants, executions, hand-ins, reports, all with fixed values.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taskpilot_domain::ids::{ExecutionId, Fence, SessionId, Token};
use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::names::{
    IdempotencyKey, Namespace, PrincipalName, QueueName, TaskType, WorkerName,
};
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::retry::{Backoff, Jitter};
use taskpilot_domain::stop::{Containment, StopEvent};
use taskpilot_domain::time::Timestamp;

use crate::rows::attempts::{AttemptError, Exit};
use crate::rows::executions::{
    CancelOutcome, CancelRequest, CancelTarget, CreateOutcome, ExecutionRecord, Grant, NewExecution,
};
use crate::rows::keys::KeyedRequest;
use crate::rows::sessions::{HandIn, HandInOutcome, NewSession};
use crate::rows::stops::{Held, StopRecord, StopReport};

/// A back-off of nothing.
pub(super) const AT_ONCE: Jitter = Jitter(0);
/// The longest back-off of its bound.
pub(super) const LONGEST: Jitter = Jitter(u64::MAX);
/// More rows than any case has.
pub(super) const MANY: u32 = 500;

/// The instant `ms` after the beginning of every case.
pub(super) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus_ms(ms)
}

pub(super) fn home() -> Namespace {
    Namespace::default_namespace()
}

pub(super) fn abroad() -> Namespace {
    Namespace::new("abroad").expect("a namespace")
}

pub(super) fn kind(name: &str) -> TaskType {
    TaskType::new(name).expect("a type")
}

pub(super) fn queue(name: &str) -> QueueName {
    QueueName::new(name).expect("a queue name")
}

pub(super) fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::new(name).expect("a key")
}

pub(super) fn worker_name() -> WorkerName {
    WorkerName::new("worker-1").expect("a worker name")
}

pub(super) fn somebody() -> PrincipalName {
    PrincipalName::new("somebody").expect("a principal")
}

/// A token that no other call has given.
pub(super) fn fresh_token() -> Token {
    static GIVEN: AtomicU64 = AtomicU64::new(1);
    let number = GIVEN.fetch_add(1, Ordering::Relaxed);
    Token::from_bytes((u128::from(number) << 64 | u128::from(!number)).to_be_bytes())
}

/// An execution of type `job` in the default queue.
pub(super) fn job() -> NewExecution {
    NewExecution {
        namespace: home(),
        kind: kind("job"),
        payload: Arc::from(r#"{"n":1}"#),
        reference: None,
        key: None,
        parent: None,
        options: ExecutionOptions::default(),
    }
}

pub(super) fn job_with(change: impl FnOnce(&mut NewExecution)) -> NewExecution {
    let mut job = job();
    change(&mut job);
    job
}

/// An execution that is retried without a wait, `max_attempts` times in all.
pub(super) fn hasty(max_attempts: u32) -> NewExecution {
    job_with(|job| {
        job.options.retry.max_attempts = max_attempts;
        job.options.retry.backoff = Backoff {
            initial_ms: 0,
            max_ms: 0,
            factor: 1.0,
        };
    })
}

/// An execution under `name`; another `body` is another request.
pub(super) fn keyed(name: &str, body: u8) -> NewExecution {
    job_with(|job| {
        job.key = Some(KeyedRequest {
            key: key(name),
            fingerprint: [body; 32],
            expired: false,
        });
    })
}

/// The same, where the key is older than keys are kept.
pub(super) fn keyed_long_ago(name: &str, body: u8) -> NewExecution {
    let mut job = keyed(name, body);
    if let Some(request) = &mut job.key {
        request.expired = true;
    }
    job
}

/// A worker of type `job` on the default queue.
pub(super) fn session(slots: u32) -> NewSession {
    NewSession {
        namespace: home(),
        name: worker_name(),
        queues: vec![QueueName::default_queue()],
        types: vec![kind("job")],
        cleanups: Vec::new(),
        slots,
        containment: Containment::Subreaper,
        token: fresh_token(),
        lease_ms: LEASE_MS,
    }
}

pub(super) fn cancel_of(target: CancelTarget) -> CancelRequest {
    CancelRequest {
        namespace: home(),
        target,
        actor: somebody(),
        reason: Some("no longer wanted".into()),
        cascade: false,
        request_id: None,
    }
}

/// A cancel of an execution and of all that is below it.
pub(super) fn cascade(id: ExecutionId) -> CancelRequest {
    CancelRequest {
        cascade: true,
        ..by_id(id)
    }
}

/// An execution of type `job` that belongs to another.
pub(super) fn child_of(parent: ExecutionId) -> NewExecution {
    job_with(|job| job.parent = Some(parent))
}

pub(super) fn by_id(id: ExecutionId) -> CancelRequest {
    cancel_of(CancelTarget::Id {
        id,
        reference: None,
    })
}

pub(super) fn by_key(name: &str) -> CancelRequest {
    cancel_of(CancelTarget::Key(key(name)))
}

fn hand_in(fence: Fence, outcome: HandInOutcome) -> HandIn {
    HandIn {
        fence,
        outcome,
        exit: Exit::default(),
        output: None,
        how: None,
        containment: None,
        evidence: None,
        ago_ms: 0,
        jitter: AT_ONCE,
    }
}

pub(super) fn succeeded(fence: Fence) -> HandIn {
    hand_in(fence, HandInOutcome::Succeeded(Arc::from(r#"{"ok":true}"#)))
}

pub(super) fn broken() -> AttemptError {
    AttemptError {
        code: "broken".into(),
        message: "it broke".into(),
    }
}

/// A failure after which another attempt could help.
pub(super) fn failed(fence: Fence) -> HandIn {
    let error = broken();
    hand_in(
        fence,
        HandInOutcome::Failed {
            error,
            retryable: true,
        },
    )
}

/// A failure after which no other attempt could help.
pub(super) fn failed_for_good(fence: Fence) -> HandIn {
    let error = broken();
    hand_in(
        fence,
        HandInOutcome::Failed {
            error,
            retryable: false,
        },
    )
}

pub(super) fn released(fence: Fence) -> HandIn {
    hand_in(fence, HandInOutcome::Released)
}

pub(super) fn interrupted(fence: Fence) -> HandIn {
    hand_in(fence, HandInOutcome::Interrupted)
}

/// What a worker says about a stop, at the moment at which it happens.
pub(super) fn stage(fence: Fence, event: StopEvent) -> StopReport {
    StopReport {
        fence,
        event,
        ago_ms: 0,
        containment: None,
        evidence: None,
    }
}

pub(super) fn stage_ago(fence: Fence, event: StopEvent, ago_ms: u64) -> StopReport {
    StopReport {
        ago_ms,
        ..stage(fence, event)
    }
}

/// The attempt as a heartbeat names it.
pub(super) fn held(grant: &Grant) -> Held {
    (grant.fence.execution, grant.fence.attempt)
}

pub(super) fn fences(grants: &[Grant]) -> Vec<Fence> {
    grants.iter().map(|grant| grant.fence).collect()
}

/// The executions of `grants`, in their order.
pub(super) fn granted(grants: &[Grant]) -> Vec<ExecutionId> {
    grants.iter().map(|grant| grant.fence.execution).collect()
}

/// The stop of the last attempt. Its containment is left out: an engine may know it beforehand.
#[track_caller]
pub(super) fn stop_of(record: &ExecutionRecord) -> StopRecord {
    let attempt = record.attempts.last().expect("an attempt");
    let stop = attempt.stop.clone().expect("a stop of the last attempt");
    StopRecord {
        containment: None,
        ..stop
    }
}

#[track_caller]
pub(super) fn created(outcome: CreateOutcome) -> ExecutionRecord {
    match outcome {
        CreateOutcome::Created(record) => record,
        other => panic!("not created: {other:?}"),
    }
}

#[track_caller]
pub(super) fn replayed(outcome: CreateOutcome) -> ExecutionRecord {
    match outcome {
        CreateOutcome::Replayed(record) => record,
        other => panic!("not replayed: {other:?}"),
    }
}

#[track_caller]
pub(super) fn canceled(outcome: CancelOutcome) -> ExecutionRecord {
    match outcome {
        CancelOutcome::Canceled(record) => record,
        other => panic!("not canceled by this call: {other:?}"),
    }
}

#[track_caller]
pub(super) fn canceled_already(outcome: CancelOutcome) -> ExecutionRecord {
    match outcome {
        CancelOutcome::Already(record) => record,
        other => panic!("not canceled before: {other:?}"),
    }
}

#[track_caller]
pub(super) fn refused(outcome: CancelOutcome) -> ExecutionRecord {
    match outcome {
        CancelOutcome::Refused(record) => record,
        other => panic!("not refused: {other:?}"),
    }
}

/// Compares whole values that have no equality of their own.
#[track_caller]
pub(super) fn assert_same<T: Debug>(found: &T, expected: &T) {
    assert_eq!(format!("{found:#?}"), format!("{expected:#?}"));
}

/// A session id that no store has given.
pub(super) fn nobodys_session() -> SessionId {
    SessionId::new(4_000_000_000).expect("an id")
}

/// An execution id that no store has given.
pub(super) fn nobodys_execution() -> ExecutionId {
    ExecutionId::new(4_000_000_000).expect("an id")
}
