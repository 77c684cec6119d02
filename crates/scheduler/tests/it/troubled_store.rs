//! A store of which one verb, the expiry of sessions, and the check fail as long as a test wants it
//! to; and of which a test can hold one read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use taskpilot_domain::ids::{ExecutionId, Fence, SessionId};
use taskpilot_domain::names::{Namespace, QueueName};
use taskpilot_domain::retention::Retention;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::StopStatus;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::StoreError;
use taskpilot_store::attempts::AttemptStore;
use taskpilot_store::bulk::BulkStore;
use taskpilot_store::families::FamilyStore;
use taskpilot_store::latency::LatencyStore;
use taskpilot_store::queues::QueueStore;
use taskpilot_store::rows::cancels::{CancelBatch, CanceledBatch};
use taskpilot_store::rows::changes::Change;
use taskpilot_store::rows::executions::{
    CancelOutcome, CancelRequest, CreateOutcome, ExecutionFilter, ExecutionRecord,
    ExecutionSummary, NewExecution,
};
use taskpilot_store::rows::latency::{LatencyFilter, StopLatency, StopTotal};
use taskpilot_store::rows::queues::{QueueOutcome, QueueRecord, QueueRequest};
use taskpilot_store::rows::sessions::{
    ClaimOutcome, ClaimRequest, FinishOutcome, HandIn, HandInVerdict, Heartbeat, HeartbeatOutcome,
    NewSession, SessionGone, SessionRecord, SessionRef,
};
use taskpilot_store::rows::stops::{
    Held, ReleaseOutcome, ReleaseRequest, StopOrder, StopReport, StopVerdict,
};
use taskpilot_store::scheduler::{Forgotten, SchedulerStore, Tick};
use taskpilot_store_sqlite::SqliteSchedulerStore;
use tokio::sync::{broadcast, oneshot};

pub(crate) struct TroubledStore {
    store: SqliteSchedulerStore,
    trouble: Mutex<Option<StoreError>>,
    held: Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>,
}

/// A read that a test holds up.
pub(crate) struct HeldRead {
    taken: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
}

impl HeldRead {
    /// Returns once the store was read.
    pub(crate) async fn taken(mut self) -> Self {
        (&mut self.taken).await.unwrap();
        self
    }

    /// Lets the reader have what was read.
    pub(crate) fn return_it(self) {
        self.go.send(()).unwrap();
    }
}

impl TroubledStore {
    pub(crate) fn over(store: SqliteSchedulerStore) -> Self {
        Self {
            store,
            trouble: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// From now on sessions expire, or this goes wrong instead.
    pub(crate) fn set(&self, trouble: Option<StoreError>) {
        *self.trouble.lock().unwrap() = trouble;
    }
}

impl TroubledStore {
    /// Holds what the next read of an execution finds.
    pub(crate) fn hold_next_read(&self) -> HeldRead {
        let ((told, taken), (go, gone)) = (oneshot::channel(), oneshot::channel());
        *self.held.lock().unwrap() = Some((told, gone));
        HeldRead { taken, go }
    }

    async fn hold(&self) {
        let held = self.held.lock().unwrap().take();
        if let Some((told, gone)) = held {
            told.send(()).unwrap();
            gone.await.unwrap();
        }
    }
}

macro_rules! pass_on {
    ($($verb:ident($($name:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl SchedulerStore for TroubledStore {
            $(async fn $verb(&self, $($name: $kind),*) -> Result<$answer, StoreError> {
                self.store.$verb($($name),*).await
            })*

            async fn get_execution(
                &self,
                namespace: &Namespace,
                id: ExecutionId,
            ) -> Result<Option<ExecutionRecord>, StoreError> {
                let record = self.store.get_execution(namespace, id).await;
                self.hold().await;
                record
            }

            async fn expire_sessions(
                &self,
                now: Timestamp,
                limit: u32,
                jitter: Jitter,
            ) -> Result<Tick, StoreError> {
                let trouble = self.trouble.lock().unwrap().clone();
                match trouble {
                    Some(trouble) => Err(trouble),
                    None => self.store.expire_sessions(now, limit, jitter).await,
                }
            }

            async fn check(&self) -> Result<(), StoreError> {
                let trouble = self.trouble.lock().unwrap().clone();
                trouble.map_or(Ok(()), Err)
            }

            fn changes(&self) -> broadcast::Receiver<Arc<[Change]>> {
                self.store.changes()
            }
        }
    };
}

#[async_trait]
impl QueueStore for TroubledStore {
    async fn list_queues(
        &self,
        namespace: &Namespace,
        after: Option<QueueName>,
        limit: u32,
    ) -> Result<Vec<QueueRecord>, StoreError> {
        self.store.list_queues(namespace, after, limit).await
    }

    async fn change_queue(
        &self,
        now: Timestamp,
        request: QueueRequest,
    ) -> Result<QueueOutcome, StoreError> {
        self.store.change_queue(now, request).await
    }
}

#[async_trait]
impl FamilyStore for TroubledStore {
    async fn decide_descendants(&self, now: Timestamp, limit: u32) -> Result<Tick, StoreError> {
        self.store.decide_descendants(now, limit).await
    }
}

#[async_trait]
impl AttemptStore for TroubledStore {
    async fn release_stuck(
        &self,
        now: Timestamp,
        request: ReleaseRequest,
    ) -> Result<ReleaseOutcome, StoreError> {
        self.store.release_stuck(now, request).await
    }

    async fn confirm_starts(
        &self,
        now: Timestamp,
        session: SessionRef,
        fences: Vec<Fence>,
    ) -> Result<Result<Vec<HandInVerdict>, SessionGone>, StoreError> {
        self.store.confirm_starts(now, session, fences).await
    }
}

#[async_trait]
impl BulkStore for TroubledStore {
    async fn cancel_batch(
        &self,
        now: Timestamp,
        batch: CancelBatch,
    ) -> Result<CanceledBatch, StoreError> {
        self.store.cancel_batch(now, batch).await
    }
}

pass_on! {
    create_executions(now: Timestamp, executions: Vec<NewExecution>) -> Vec<CreateOutcome>;
    find_executions(namespace: &Namespace, ids: Vec<ExecutionId>) -> Vec<ExecutionSummary>;
    list_executions(namespace: &Namespace, filter: ExecutionFilter) -> Vec<ExecutionSummary>;
    cancel_executions(now: Timestamp, requests: Vec<CancelRequest>) -> Vec<CancelOutcome>;
    register_session(now: Timestamp, session: NewSession) -> SessionRecord;
    claim(now: Timestamp, request: ClaimRequest) -> ClaimOutcome;
    finish_attempts(now: Timestamp, session: SessionRef, items: Vec<HandIn>) -> FinishOutcome;
    report_stops(now: Timestamp, session: SessionRef, reports: Vec<StopReport>)
        -> Result<Vec<StopVerdict>, SessionGone>;
    heartbeat(now: Timestamp, heartbeat: Heartbeat) -> HeartbeatOutcome;
    list_orders(session: SessionRef) -> Result<Vec<StopOrder>, SessionGone>;
    end_session(now: Timestamp, session: SessionRef, never_started: Vec<Held>, jitter: Jitter)
        -> Result<(), SessionGone>;
    get_session(id: SessionId) -> Option<(Namespace, SessionRecord)>;
    list_sessions(namespace: &Namespace, limit: u32) -> Vec<SessionRecord>;
    promote_due(now: Timestamp, limit: u32) -> Tick;
    time_out_attempts(now: Timestamp, limit: u32, jitter: Jitter) -> Tick;
    pass_deadlines(now: Timestamp, limit: u32) -> Tick;
    flag_overdue_stops(now: Timestamp, limit: u32) -> Tick;
    forget(now: Timestamp, retention: Retention, limit: u32) -> Forgotten;
    extend_leases(now: Timestamp, until: Timestamp) -> ();
    latest_instant() -> Option<Timestamp>;
}

#[async_trait]
impl LatencyStore for TroubledStore {
    async fn list_stop_latencies(
        &self,
        namespace: &Namespace,
        filter: LatencyFilter,
    ) -> Result<Vec<StopLatency>, StoreError> {
        self.store.list_stop_latencies(namespace, filter).await
    }

    async fn total_stop_latencies(&self, limit: usize) -> Result<Vec<StopTotal>, StoreError> {
        self.store.total_stop_latencies(limit).await
    }

    async fn count_open_stops(&self) -> Result<BTreeMap<StopStatus, u64>, StoreError> {
        self.store.count_open_stops().await
    }
}
