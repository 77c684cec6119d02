//! The store of the scheduler: executions, attempts, stops, worker sessions.

use async_trait::async_trait;
use std::sync::Arc;
use taskpilot_domain::ids::{ExecutionId, SessionId};
use taskpilot_domain::names::Namespace;
use taskpilot_domain::retention::Retention;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::time::Timestamp;
use tokio::sync::broadcast;

use crate::StoreError;
use crate::attempts::AttemptStore;
use crate::bulk::BulkStore;
use crate::families::FamilyStore;
use crate::latency::LatencyStore;
use crate::queues::QueueStore;
use crate::rows::changes::Change;
use crate::rows::executions::{
    CancelOutcome, CancelRequest, CreateOutcome, ExecutionFilter, ExecutionRecord,
    ExecutionSummary, NewExecution,
};
use crate::rows::sessions::{
    ClaimOutcome, ClaimRequest, FinishOutcome, HandIn, Heartbeat, HeartbeatOutcome, NewSession,
    SessionGone, SessionRecord, SessionRef,
};
use crate::rows::stops::{Held, StopOrder, StopReport, StopVerdict};

/// What the scheduler keeps.
///
/// Every verb is one transaction, answered after it is durable; what an event does is decided by
/// `domain` inside that transaction. A row of another namespace does not exist. `now` is the only
/// clock, and one behind what was committed before is raised to that: stamps only grow. Batches
/// answer one outcome per item, in their order.
#[async_trait]
pub trait SchedulerStore:
    QueueStore + AttemptStore + BulkStore + FamilyStore + LatencyStore
{
    /// Accepts executions; a key twice in one call is folded: the first one is created, the rest are
    /// replayed or mismatches. Ids rise in the order of the call, and so does the place in a queue.
    async fn create_executions(
        &self,
        now: Timestamp,
        executions: Vec<NewExecution>,
    ) -> Result<Vec<CreateOutcome>, StoreError>;

    /// Reads one execution with its attempts, in one snapshot.
    async fn get_execution(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Option<ExecutionRecord>, StoreError>;

    /// Reads those of `ids` that exist, in no order.
    async fn find_executions(
        &self,
        namespace: &Namespace,
        ids: Vec<ExecutionId>,
    ) -> Result<Vec<ExecutionSummary>, StoreError>;

    /// Lists executions, newest first (by id), at most `filter.limit`.
    async fn list_executions(
        &self,
        namespace: &Namespace,
        filter: ExecutionFilter,
    ) -> Result<Vec<ExecutionSummary>, StoreError>;

    /// Decides cancels. A key that was never seen becomes a canceled execution without a body.
    ///
    /// A cascade, or the option of the execution, closes the tree below it with the verdict: see
    /// [`FamilyStore`].
    ///
    /// One execution twice in a call, by id or by key, is decided once: the first item is the
    /// verdict, and the other is a later request, kept with who and why beside the first. An expected reference is compared before the state, in final states too.
    async fn cancel_executions(
        &self,
        now: Timestamp,
        requests: Vec<CancelRequest>,
    ) -> Result<Vec<CancelOutcome>, StoreError>;

    /// Registers a worker session.
    async fn register_session(
        &self,
        now: Timestamp,
        session: NewSession,
    ) -> Result<SessionRecord, StoreError>;

    /// Takes hand-ins, then grants up to as many attempts as there are tokens, slots and ready
    /// executions of the session's queues and types: higher priority first, then the older, over
    /// all these queues and types together. It ends before the one whose payload would bring it
    /// over `CLAIM_BYTES_MAX`.
    ///
    /// A claim that was granted nothing does not use up its `seq`: asked again, it may be served,
    /// unless a heartbeat has named it as answered. A repeat of a granted one, or of one that was
    /// named so, answers its attempts that are still held, and never a new one. A session whose lease is over at `now` has ended, also before a tick ends it. No claim renews.
    async fn claim(
        &self,
        now: Timestamp,
        request: ClaimRequest,
    ) -> Result<ClaimOutcome, StoreError>;

    /// Takes hand-ins. A final report under an open stop is also its proof.
    ///
    /// Exit and output of a late report are kept with it; the first late report stands. An attempt
    /// of another namespace than the session's is stale.
    async fn finish_attempts(
        &self,
        now: Timestamp,
        session: SessionRef,
        items: Vec<HandIn>,
    ) -> Result<FinishOutcome, StoreError>;

    /// Takes stop reports; also from a session that has ended. An attempt that was never stopped, or
    /// is of another namespace, is unknown.
    async fn report_stops(
        &self,
        now: Timestamp,
        session: SessionRef,
        reports: Vec<StopReport>,
    ) -> Result<Result<Vec<StopVerdict>, SessionGone>, StoreError>;

    /// Renews a session, releases what it lost on the way, reads its orders: one transaction.
    ///
    /// Claims up to the answered one are granted nothing any more: one that was given up may still be
    /// on its way. Stop reports are taken before orders are read. A lease that is over at `now` is not renewed,
    /// also before a tick ends its session. A held attempt with an open stop is not lost.
    async fn heartbeat(
        &self,
        now: Timestamp,
        heartbeat: Heartbeat,
    ) -> Result<HeartbeatOutcome, StoreError>;

    /// Reads the orders that a session has not confirmed.
    async fn list_orders(
        &self,
        session: SessionRef,
    ) -> Result<Result<Vec<StopOrder>, SessionGone>, StoreError>;

    /// Ends a session for good: `never_started` is released, the rest counts as `WorkerGone`.
    /// Repeatable: a session that has ended, by goodbye or by expiry, answers `Ok` and nothing
    /// changes. An open stop of a `never_started` attempt is proven so, any other is presumed.
    /// The one verb that may be several transactions, the session ends with the last of them.
    async fn end_session(
        &self,
        now: Timestamp,
        session: SessionRef,
        never_started: Vec<Held>,
        jitter: Jitter,
    ) -> Result<Result<(), SessionGone>, StoreError>;

    /// Reads one session of any namespace, with its namespace.
    async fn get_session(
        &self,
        id: SessionId,
    ) -> Result<Option<(Namespace, SessionRecord)>, StoreError>;

    /// Lists the sessions of a namespace that have not ended, then those that ended last.
    async fn list_sessions(
        &self,
        namespace: &Namespace,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError>;

    /// Ends sessions whose lease is over, with all they held, up to `limit` rows; `ended` names those
    /// of which nothing is left. One that is ended in part claims and renews nothing, as any whose
    /// lease is over, and a later tick goes on with it.
    async fn expire_sessions(
        &self,
        now: Timestamp,
        limit: u32,
        jitter: Jitter,
    ) -> Result<Tick, StoreError>;

    /// Makes due executions claimable, at most `limit`; what was due first goes first, to the tail of
    /// its queue.
    async fn promote_due(&self, now: Timestamp, limit: u32) -> Result<Tick, StoreError>;

    /// Ends attempts that run longer than they may, at most `limit`.
    async fn time_out_attempts(
        &self,
        now: Timestamp,
        limit: u32,
        jitter: Jitter,
    ) -> Result<Tick, StoreError>;

    /// Fails executions whose deadline passed, at most `limit`.
    async fn pass_deadlines(&self, now: Timestamp, limit: u32) -> Result<Tick, StoreError>;

    /// Marks stops whose promised bound passed under a live session, at most `limit`.
    async fn flag_overdue_stops(&self, now: Timestamp, limit: u32) -> Result<Tick, StoreError>;

    /// Forgets what is kept long enough, at most `limit` executions, keys and sessions together, and
    /// fewer executions where they are large:
    /// executions with all that belongs to them, then keys of executions that are gone, then sessions
    /// that ended before. An execution that lives, or owes the proof of a stop, stays.
    ///
    /// A key outlives its execution: under it nothing is created and nothing is found.
    async fn forget(
        &self,
        now: Timestamp,
        retention: Retention,
        limit: u32,
    ) -> Result<Forgotten, StoreError>;

    /// Moves the end of every live lease to at least `until`: outages of ours are not their fault. A
    /// lease is live until its session has ended, so one that lapsed in the outage lives on.
    async fn extend_leases(&self, now: Timestamp, until: Timestamp) -> Result<(), StoreError>;

    /// The latest instant this store was ever told, so that time never steps back over a restart;
    /// `None` while nothing was ever written.
    async fn latest_instant(&self) -> Result<Option<Timestamp>, StoreError>;

    /// What changes from now on, one item per commit. A receiver that lags must look at everything.
    fn changes(&self) -> broadcast::Receiver<Arc<[Change]>>;

    /// Whether writes are served: `Err` after a storage error, until it is healed.
    async fn check(&self) -> Result<(), StoreError>;
}

/// What one tick of a loop did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tick {
    /// Rows that it moved.
    pub moved: u32,
    /// Sessions that it ended.
    pub ended: Vec<SessionId>,
}

/// What one slice of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Executions, keys and sessions that are gone.
    pub rows: u32,
    /// Whether more is to be looked at.
    pub more: bool,
}
