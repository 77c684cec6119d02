//! Which verb is which command: its lane, its size, its function.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::iter::repeat_n;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rusqlite::Connection;
use taskpilot_domain::ids::{ExecutionId, Fence, SessionId};
use taskpilot_domain::limits::{SLOTS_MAX, TICK_ROWS_MAX};
use taskpilot_domain::names::{Namespace, QueueName};
use taskpilot_domain::retention::Retention;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::StopStatus;
use taskpilot_domain::time::Timestamp;
use taskpilot_fault::Step;
use taskpilot_store::StoreError;
use taskpilot_store::attempts::AttemptStore;
use taskpilot_store::bulk::BulkStore;
use taskpilot_store::families::FamilyStore;
use taskpilot_store::lanes::Lane;
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
use tokio::sync::broadcast;

use super::attempts::{claim, confirm, finish, time_out};
use super::executions::{cancel, cancel_batch, create, deadlines, list, promote, record};
use super::families::decide;
use super::latency;
use super::memory::{Memory, latest_instant};
use super::queues;
use super::retention;
use super::sessions::{self, end, heartbeat, register};
use super::stops::{orders, overdue, release, report};
use super::turn::{Turn, lock};
use crate::database::{Database, Service};
use crate::failure::Failure;
use crate::open::{Caches, OpenError};

mod schema {
    refinery::embed_migrations!("migrations/scheduler");
}

/// The database of the scheduler.
pub(crate) const SCHEDULER: Service = Service {
    name: "scheduler",
    migrations: schema::migrations::runner,
    caches: Caches {
        writer_kib: 24 * 1024,
        reader_kib: 2 * 1024,
    },
};

/// What a command without bodies is counted as.
const SMALL_BYTES: usize = 256;

/// Rows that each command of a goodbye may move. The last one takes whatever is left, so that no
/// goodbye goes on for ever.
fn goodbye_slices() -> impl Iterator<Item = u32> {
    let full = SLOTS_MAX.div_ceil(TICK_ROWS_MAX) as usize;
    repeat_n(TICK_ROWS_MAX, full).chain([u32::MAX])
}

/// What the scheduler keeps, in `scheduler.db` of its data directory.
pub struct SqliteSchedulerStore {
    database: Database,
    pub(super) memory: Arc<Mutex<Memory>>,
}

impl SqliteSchedulerStore {
    /// Opens the store, and owns it until it is closed. It blocks: for a start only.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            database: Database::open(directory, &SCHEDULER)?,
            memory: Arc::default(),
        })
    }

    /// Answers what waits and gives the directory free. It blocks; repeatable.
    pub fn close(&self) {
        self.database.close();
    }

    /// Steps of the engine in the last claim's search for ready executions; for tests of its cost.
    pub fn last_claim_steps(&self) -> u64 {
        lock(&self.memory).claim_steps
    }

    pub(super) async fn write<A, F>(
        &self,
        now: Timestamp,
        (lane, bytes): (Lane, usize),
        mut command: F,
    ) -> Result<A, StoreError>
    where
        A: Send + 'static,
        F: FnMut(&mut Turn<'_>) -> Result<A, Failure> + Send + 'static,
    {
        let memory = Arc::clone(&self.memory);
        self.database
            .write(lane, bytes, move |tx| {
                Turn::run(tx, &memory, now, &mut command)
            })
            .await
    }

    async fn read<A, F>(&self, read: F) -> Result<A, StoreError>
    where
        A: Send + 'static,
        F: FnOnce(&Connection) -> Result<A, Failure> + Send + 'static,
    {
        self.database.read(read).await
    }

    async fn list<A, F>(&self, read: F) -> Result<A, StoreError>
    where
        A: Send + 'static,
        F: FnOnce(&Connection) -> Result<A, Failure> + Send + 'static,
    {
        self.database.list(read).await
    }
}

#[async_trait]
impl SchedulerStore for SqliteSchedulerStore {
    async fn create_executions(
        &self,
        now: Timestamp,
        executions: Vec<NewExecution>,
    ) -> Result<Vec<CreateOutcome>, StoreError> {
        let bytes = executions.iter().map(create::bytes).sum();
        self.write(now, (Lane::Create, bytes), move |turn| {
            turn.tx.step(Step::ExecutionCreate);
            create::create(turn, &executions)
        })
        .await
    }

    async fn get_execution(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Option<ExecutionRecord>, StoreError> {
        let namespace = namespace.clone();
        self.read(move |connection| record::get_whole(connection, &namespace, id))
            .await
    }

    async fn find_executions(
        &self,
        namespace: &Namespace,
        ids: Vec<ExecutionId>,
    ) -> Result<Vec<ExecutionSummary>, StoreError> {
        let namespace = namespace.clone();
        self.list(move |connection| list::find(connection, &namespace, &ids))
            .await
    }

    async fn list_executions(
        &self,
        namespace: &Namespace,
        filter: ExecutionFilter,
    ) -> Result<Vec<ExecutionSummary>, StoreError> {
        let namespace = namespace.clone();
        self.list(move |connection| list::list(connection, &namespace, &filter))
            .await
    }

    async fn cancel_executions(
        &self,
        now: Timestamp,
        requests: Vec<CancelRequest>,
    ) -> Result<Vec<CancelOutcome>, StoreError> {
        let bytes = requests.iter().map(cancel::bytes).sum();
        self.write(now, (Lane::Cancel, bytes), move |turn| {
            turn.tx.step(Step::ExecutionCancel);
            cancel::cancel(turn, &requests)
        })
        .await
    }

    async fn register_session(
        &self,
        now: Timestamp,
        session: NewSession,
    ) -> Result<SessionRecord, StoreError> {
        let bytes = register::bytes(&session);
        self.write(now, (Lane::Claim, bytes), move |turn| {
            turn.tx.step(Step::SessionRegister);
            register::register(turn, &session)
        })
        .await
    }

    async fn claim(
        &self,
        now: Timestamp,
        request: ClaimRequest,
    ) -> Result<ClaimOutcome, StoreError> {
        let bytes = claim::bytes(&request);
        self.write(now, (Lane::Claim, bytes), move |turn| {
            claim::claim(turn, &request)
        })
        .await
    }

    async fn finish_attempts(
        &self,
        now: Timestamp,
        session: SessionRef,
        items: Vec<HandIn>,
    ) -> Result<FinishOutcome, StoreError> {
        let bytes = items.iter().map(finish::bytes).sum();
        self.write(now, (Lane::Finish, bytes), move |turn| {
            finish::finish(turn, session, &items)
        })
        .await
    }

    async fn report_stops(
        &self,
        now: Timestamp,
        session: SessionRef,
        reports: Vec<StopReport>,
    ) -> Result<Result<Vec<StopVerdict>, SessionGone>, StoreError> {
        let bytes = reports.iter().map(report::bytes).sum();
        self.write(now, (Lane::Cancel, bytes), move |turn| {
            report::report(turn, session, &reports)
        })
        .await
    }

    async fn heartbeat(
        &self,
        now: Timestamp,
        heartbeat: Heartbeat,
    ) -> Result<HeartbeatOutcome, StoreError> {
        let bytes = heartbeat::bytes(&heartbeat);
        self.write(now, (Lane::Heartbeat, bytes), move |turn| {
            turn.tx.step(Step::SessionRenew);
            heartbeat::heartbeat(turn, &heartbeat)
        })
        .await
    }

    async fn list_orders(
        &self,
        session: SessionRef,
    ) -> Result<Result<Vec<StopOrder>, SessionGone>, StoreError> {
        self.read(move |connection| orders::list(connection, session))
            .await
    }

    async fn end_session(
        &self,
        now: Timestamp,
        session: SessionRef,
        never_started: Vec<Held>,
        jitter: Jitter,
    ) -> Result<Result<(), SessionGone>, StoreError> {
        let never_started: Arc<HashSet<Held>> = Arc::new(never_started.into_iter().collect());
        for (slice, limit) in (0..).zip(goodbye_slices()) {
            let never_started = Arc::clone(&never_started);
            let draw = (limit, jitter.nth(slice));
            let said = self.write(now, (Lane::Finish, SMALL_BYTES), move |turn| {
                end::goodbye(turn, session, &never_started, draw)
            });
            match said.await? {
                Ok(false) => {}
                Ok(true) => break,
                Err(gone) => return Ok(Err(gone)),
            }
        }
        Ok(Ok(()))
    }

    async fn get_session(
        &self,
        id: SessionId,
    ) -> Result<Option<(Namespace, SessionRecord)>, StoreError> {
        self.read(move |connection| sessions::list::get(connection, id))
            .await
    }

    async fn list_sessions(
        &self,
        namespace: &Namespace,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let namespace = namespace.clone();
        self.list(move |connection| sessions::list::list(connection, &namespace, limit))
            .await
    }

    async fn expire_sessions(
        &self,
        now: Timestamp,
        limit: u32,
        jitter: Jitter,
    ) -> Result<Tick, StoreError> {
        self.write(now, (Lane::Background, SMALL_BYTES), move |turn| {
            end::expire(turn, limit, jitter)
        })
        .await
    }

    async fn promote_due(&self, now: Timestamp, limit: u32) -> Result<Tick, StoreError> {
        self.write(now, (Lane::Background, SMALL_BYTES), move |turn| {
            promote::promote(turn, limit)
        })
        .await
    }

    async fn time_out_attempts(
        &self,
        now: Timestamp,
        limit: u32,
        jitter: Jitter,
    ) -> Result<Tick, StoreError> {
        self.write(now, (Lane::Background, SMALL_BYTES), move |turn| {
            time_out::time_out(turn, limit, jitter)
        })
        .await
    }

    async fn pass_deadlines(&self, now: Timestamp, limit: u32) -> Result<Tick, StoreError> {
        self.write(now, (Lane::Background, SMALL_BYTES), move |turn| {
            deadlines::pass(turn, limit)
        })
        .await
    }

    async fn flag_overdue_stops(&self, now: Timestamp, limit: u32) -> Result<Tick, StoreError> {
        self.write(now, (Lane::Background, SMALL_BYTES), move |turn| {
            overdue::flag(turn, limit)
        })
        .await
    }

    async fn forget(
        &self,
        now: Timestamp,
        retention: Retention,
        limit: u32,
    ) -> Result<Forgotten, StoreError> {
        self.write(now, (Lane::Background, SMALL_BYTES), move |turn| {
            retention::forget(turn, retention, limit)
        })
        .await
    }

    async fn extend_leases(&self, now: Timestamp, until: Timestamp) -> Result<(), StoreError> {
        self.write(now, (Lane::Heartbeat, SMALL_BYTES), move |turn| {
            heartbeat::extend(turn, until)
        })
        .await
    }

    async fn latest_instant(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(latest_instant).await
    }

    fn changes(&self) -> broadcast::Receiver<Arc<[Change]>> {
        self.database.changes()
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.database.check().await
    }
}

#[async_trait]
impl QueueStore for SqliteSchedulerStore {
    async fn list_queues(
        &self,
        namespace: &Namespace,
        after: Option<QueueName>,
        limit: u32,
    ) -> Result<Vec<QueueRecord>, StoreError> {
        let namespace = namespace.clone();
        self.list(move |connection| queues::list(connection, &namespace, after.as_ref(), limit))
            .await
    }

    async fn change_queue(
        &self,
        now: Timestamp,
        request: QueueRequest,
    ) -> Result<QueueOutcome, StoreError> {
        // A pause is for emergencies: it is not behind the flood.
        self.write(now, (Lane::Cancel, SMALL_BYTES), move |turn| {
            queues::steer::steer(turn, &request)
        })
        .await
    }
}

#[async_trait]
impl LatencyStore for SqliteSchedulerStore {
    async fn list_stop_latencies(
        &self,
        namespace: &Namespace,
        filter: LatencyFilter,
    ) -> Result<Vec<StopLatency>, StoreError> {
        let namespace = namespace.clone();
        self.list(move |connection| latency::list(connection, &namespace, &filter))
            .await
    }

    async fn total_stop_latencies(&self, limit: usize) -> Result<Vec<StopTotal>, StoreError> {
        self.list(move |connection| latency::total(connection, limit))
            .await
    }

    async fn count_open_stops(&self) -> Result<BTreeMap<StopStatus, u64>, StoreError> {
        self.read(latency::open).await
    }
}

#[async_trait]
impl FamilyStore for SqliteSchedulerStore {
    async fn decide_descendants(&self, now: Timestamp, limit: u32) -> Result<Tick, StoreError> {
        self.write(now, (Lane::Background, SMALL_BYTES), move |turn| {
            decide::descendants(turn, limit)
        })
        .await
    }
}

#[async_trait]
impl AttemptStore for SqliteSchedulerStore {
    async fn release_stuck(
        &self,
        now: Timestamp,
        request: ReleaseRequest,
    ) -> Result<ReleaseOutcome, StoreError> {
        let bytes = release::bytes(&request);
        self.write(now, (Lane::Cancel, bytes), move |turn| {
            release::release(turn, &request)
        })
        .await
    }

    async fn confirm_starts(
        &self,
        now: Timestamp,
        session: SessionRef,
        fences: Vec<Fence>,
    ) -> Result<Result<Vec<HandInVerdict>, SessionGone>, StoreError> {
        let bytes = confirm::bytes(&fences);
        // Behind cancels, which it must not overtake.
        self.write(now, (Lane::Finish, bytes), move |turn| {
            confirm::confirm(turn, session, &fences)
        })
        .await
    }
}

#[async_trait]
impl BulkStore for SqliteSchedulerStore {
    async fn cancel_batch(
        &self,
        now: Timestamp,
        batch: CancelBatch,
    ) -> Result<CanceledBatch, StoreError> {
        let bytes = cancel_batch::bytes(&batch);
        self.write(now, (Lane::Background, bytes), move |turn| {
            if !batch.items.is_empty() {
                turn.tx.step(Step::ExecutionCancelBatch);
            }
            cancel_batch::cancel(turn, &batch)
        })
        .await
    }
}

impl fmt::Debug for SqliteSchedulerStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSchedulerStore")
            .finish_non_exhaustive()
    }
}
