//! A store in use: each verb as one line, for the usual case of one item and an expected answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taskpilot_domain::execution::Standing;
use taskpilot_domain::ids::{ExecutionId, Fence};
use taskpilot_domain::time::Timestamp;

use super::words::{
    AT_ONCE, MANY, by_id, cancel_of, created, fresh_token, home, session, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::{
    CancelOutcome, CancelRequest, CancelTarget, CreateOutcome, ExecutionRecord, Grant, NewExecution,
};
use crate::rows::sessions::{
    ClaimOutcome, ClaimRequest, FinishOutcome, HandIn, HandInVerdict, Heartbeat, HeartbeatOutcome,
    NewSession, SessionRecord, SessionRef,
};
use crate::rows::stops::{Held, StopOrder, StopReport, StopVerdict};
use crate::scheduler::SchedulerStore;

/// The store under test.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) store: Arc<dyn SchedulerStore>,
}

/// A registered worker and the number of its last claim.
pub(super) struct Worker {
    pub(super) session: SessionRef,
    pub(super) registered: SessionRecord,
    seq: AtomicU64,
}

impl Worker {
    pub(super) fn new(registered: SessionRecord, session: SessionRef) -> Self {
        Self {
            session,
            registered,
            seq: AtomicU64::new(0),
        }
    }

    /// The number of its last claim.
    pub(super) fn last_seq(&self) -> u64 {
        self.seq.load(Ordering::Relaxed)
    }

    /// A claim after its last one, for `want` attempts.
    pub(super) fn next_claim(&self, want: usize) -> ClaimRequest {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        self.claim_again(seq, want)
    }

    /// A claim under a number of the caller's, with tokens that were never used.
    pub(super) fn claim_again(&self, seq: u64, want: usize) -> ClaimRequest {
        ClaimRequest {
            session: self.session,
            seq,
            tokens: (0..want).map(|_| fresh_token()).collect(),
            hand_ins: Vec::new(),
        }
    }

    /// A sign of life that holds `held` and has had every reply.
    pub(super) fn beat(&self, held: &[Held]) -> Heartbeat {
        Heartbeat {
            session: self.session,
            held: held.to_vec(),
            answered_seq: self.last_seq(),
            stops: Vec::new(),
            progress: Vec::new(),
            lease_ms: taskpilot_domain::limits::LEASE_MS,
        }
    }
}

/// What a claim was served with.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) grants: Vec<Grant>,
    pub(super) verdicts: Vec<HandInVerdict>,
    pub(super) remaining_ms: u64,
    pub(super) repeat: bool,
    pub(super) drained: bool,
}

impl Scene {
    pub(super) fn of(harness: &impl SchedulerHarness) -> Self {
        Self {
            store: harness.store(),
        }
    }

    /// The same data after the store was closed and opened.
    pub(super) async fn reopened(self, harness: &mut impl SchedulerHarness) -> Self {
        drop(self);
        harness.restart().await;
        Self::of(harness)
    }

    pub(super) async fn submit(&self, now: Timestamp, new: NewExecution) -> CreateOutcome {
        let mut outcomes = self
            .store
            .create_executions(now, vec![new])
            .await
            .expect("the create is served");
        assert_eq!(outcomes.len(), 1, "one outcome per item");
        outcomes.remove(0)
    }

    pub(super) async fn create(&self, now: Timestamp, new: NewExecution) -> ExecutionId {
        created(self.submit(now, new).await).summary.id
    }

    /// Creates all of them in one call and answers their ids in the order of the call.
    pub(super) async fn create_all(
        &self,
        now: Timestamp,
        all: Vec<NewExecution>,
    ) -> Vec<ExecutionId> {
        let count = all.len();
        let outcomes = self
            .store
            .create_executions(now, all)
            .await
            .expect("the batch is served");
        assert_eq!(outcomes.len(), count, "one outcome per item");
        outcomes
            .into_iter()
            .map(|outcome| created(outcome).summary.id)
            .collect()
    }

    pub(super) async fn record(&self, id: ExecutionId) -> ExecutionRecord {
        self.store
            .get_execution(&home(), id)
            .await
            .expect("the read is served")
            .expect("the execution exists")
    }

    pub(super) async fn standing(&self, id: ExecutionId) -> Standing {
        self.record(id).await.summary.standing
    }

    pub(super) async fn cancel_all(
        &self,
        now: Timestamp,
        requests: Vec<CancelRequest>,
    ) -> Vec<CancelOutcome> {
        let count = requests.len();
        let outcomes = self
            .store
            .cancel_executions(now, requests)
            .await
            .expect("the cancel is served");
        assert_eq!(outcomes.len(), count, "one outcome per item");
        outcomes
    }

    pub(super) async fn cancel(&self, now: Timestamp, id: ExecutionId) -> CancelOutcome {
        self.cancel_all(now, vec![by_id(id)]).await.remove(0)
    }

    pub(super) async fn cancel_target(
        &self,
        now: Timestamp,
        target: CancelTarget,
    ) -> CancelOutcome {
        self.cancel_all(now, vec![cancel_of(target)])
            .await
            .remove(0)
    }

    pub(super) async fn register(&self, now: Timestamp, new: NewSession) -> Worker {
        let token = new.token;
        let registered = self
            .store
            .register_session(now, new)
            .await
            .expect("the registration is served");
        let id = registered.id;
        Worker::new(registered, SessionRef { id, token })
    }

    pub(super) async fn worker(&self, now: Timestamp, slots: u32) -> Worker {
        self.register(now, session(slots)).await
    }

    pub(super) async fn ask(&self, now: Timestamp, request: ClaimRequest) -> ClaimOutcome {
        self.store
            .claim(now, request)
            .await
            .expect("the claim is served")
    }

    pub(super) async fn served(&self, now: Timestamp, request: ClaimRequest) -> Served {
        match self.ask(now, request).await {
            ClaimOutcome::Served {
                grants,
                verdicts,
                remaining_ms,
                repeat,
                drained,
            } => Served {
                grants,
                verdicts,
                remaining_ms,
                repeat,
                drained,
            },
            other => panic!("the claim was not served: {other:?}"),
        }
    }

    /// The next claim of `worker`, for `want` attempts.
    pub(super) async fn claim(&self, worker: &Worker, now: Timestamp, want: usize) -> Vec<Grant> {
        self.served(now, worker.next_claim(want)).await.grants
    }

    /// The next claim of `worker`, which must be granted one attempt.
    pub(super) async fn claim_one(&self, worker: &Worker, now: Timestamp) -> Grant {
        let mut grants = self.claim(worker, now, 1).await;
        assert_eq!(grants.len(), 1, "one attempt is granted");
        grants.remove(0)
    }

    /// A new execution in the hands of a new worker with one slot.
    pub(super) async fn running(&self, now: Timestamp, new: NewExecution) -> (Worker, Grant) {
        let id = self.create(now, new).await;
        let worker = self.worker(now, 1).await;
        let grant = self.claim_one(&worker, now).await;
        assert_eq!(grant.fence.execution, id, "nothing else is ready");
        (worker, grant)
    }

    /// A running execution that is canceled `ms` after it began, with its open stop.
    pub(super) async fn stopping(&self, now: Timestamp, ms: u64) -> (Worker, Grant) {
        let (worker, grant) = self.running(now, super::words::job()).await;
        let outcome = self.cancel(now.plus_ms(ms), grant.fence.execution).await;
        super::words::canceled(outcome);
        (worker, grant)
    }

    /// An execution that has succeeded.
    pub(super) async fn done(&self, now: Timestamp) -> ExecutionId {
        let (worker, grant) = self.running(now, super::words::job()).await;
        let verdict = self.finish(&worker, now, succeeded(grant.fence)).await;
        assert_eq!(verdict, HandInVerdict::Applied);
        grant.fence.execution
    }

    pub(super) async fn finish_all(
        &self,
        worker: &Worker,
        now: Timestamp,
        items: Vec<HandIn>,
    ) -> Vec<HandInVerdict> {
        let outcome = self
            .store
            .finish_attempts(now, worker.session, items)
            .await
            .expect("the hand-ins are served");
        match outcome {
            FinishOutcome::Judged(verdicts) => verdicts,
            FinishOutcome::UnknownSession => panic!("the session is unknown"),
        }
    }

    pub(super) async fn finish(
        &self,
        worker: &Worker,
        now: Timestamp,
        item: HandIn,
    ) -> HandInVerdict {
        let verdicts = self.finish_all(worker, now, vec![item]).await;
        assert_eq!(verdicts.len(), 1, "one verdict per item");
        verdicts[0]
    }

    pub(super) async fn report(
        &self,
        worker: &Worker,
        now: Timestamp,
        report: StopReport,
    ) -> StopVerdict {
        let verdicts = self
            .store
            .report_stops(now, worker.session, vec![report])
            .await
            .expect("the report is served")
            .expect("the session may report");
        assert_eq!(verdicts.len(), 1, "one verdict per report");
        verdicts[0]
    }

    pub(super) async fn beat(&self, now: Timestamp, heartbeat: Heartbeat) -> HeartbeatOutcome {
        self.store
            .heartbeat(now, heartbeat)
            .await
            .expect("the heartbeat is served")
    }

    /// Renews the lease of a worker that holds `grants`.
    pub(super) async fn keep_alive(&self, worker: &Worker, now: Timestamp, grants: &[Fence]) {
        let held: Vec<Held> = grants
            .iter()
            .map(|fence| (fence.execution, fence.attempt))
            .collect();
        let outcome = self.beat(now, worker.beat(&held)).await;
        assert!(
            matches!(outcome, HeartbeatOutcome::Renewed { .. }),
            "the lease is renewed: {outcome:?}"
        );
    }

    pub(super) async fn orders(&self, worker: &Worker) -> Vec<StopOrder> {
        self.store
            .list_orders(worker.session)
            .await
            .expect("the read is served")
            .expect("the session lives")
    }

    /// Goodbye; `never_started` is what it never began.
    pub(super) async fn goodbye(&self, worker: &Worker, now: Timestamp, never_started: Vec<Held>) {
        let outcome = self
            .store
            .end_session(now, worker.session, never_started, AT_ONCE)
            .await
            .expect("the goodbye is served");
        assert_eq!(outcome, Ok(()));
    }

    /// Ends lapsed sessions and answers how many those were.
    pub(super) async fn expire(&self, now: Timestamp) -> usize {
        let tick = self.store.expire_sessions(now, MANY, AT_ONCE).await;
        tick.expect("the tick is served").ended.len()
    }

    pub(super) async fn promote(&self, now: Timestamp) -> u32 {
        let tick = self.store.promote_due(now, MANY).await;
        tick.expect("the tick is served").moved
    }

    pub(super) async fn time_out(&self, now: Timestamp) -> u32 {
        let tick = self.store.time_out_attempts(now, MANY, AT_ONCE).await;
        tick.expect("the tick is served").moved
    }

    pub(super) async fn pass_deadlines(&self, now: Timestamp) -> u32 {
        let tick = self.store.pass_deadlines(now, MANY).await;
        tick.expect("the tick is served").moved
    }

    pub(super) async fn flag_overdue(&self, now: Timestamp) -> u32 {
        let tick = self.store.flag_overdue_stops(now, MANY).await;
        tick.expect("the tick is served").moved
    }

    /// The sessions of the home namespace.
    pub(super) async fn sessions(&self) -> Vec<SessionRecord> {
        self.store
            .list_sessions(&home(), MANY)
            .await
            .expect("the list is served")
    }

    /// How `worker` stands in that list.
    pub(super) async fn session(&self, worker: &Worker) -> SessionRecord {
        self.sessions()
            .await
            .into_iter()
            .find(|session| session.id == worker.session.id)
            .expect("the session is listed")
    }
}
