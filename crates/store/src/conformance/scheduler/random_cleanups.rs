//! Random work, cancels and losses from fixed seeds, where every worker cleans up: each canceled execution
//! has one cleanup, and that never begins while anything of it may run.

use std::collections::{BTreeMap, BTreeSet};

use taskpilot_domain::cleanup::CleanupTerms;
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{ExecutionId, Fence};
use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::stop::StopStatus;

use super::dice::Dice;
use super::random::{ITEMS, REPORTED};
use super::releases::release_of;
use super::scene::{Scene, Worker};
use super::words::{MANY, at, cascade, child_of, fences, hasty, kind, session, stage};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::{ExecutionRecord, Grant};
use crate::rows::sessions::{ClaimOutcome, NewSession};

const SEEDS: [u64; 8] = [1, 7, 42, 99, 1_000_003, 0xdead_beef, 0xfeed, u64::MAX];
const STEPS: u64 = 150;

pub async fn each_canceled_execution_has_one_cleanup_that_waits_for_its_stop(
    h: &mut impl SchedulerHarness,
) {
    for seed in SEEDS {
        let mut play = Play::begin(Scene::of(h), seed).await;
        for _ in 0..STEPS {
            play.step().await;
        }
        play.scene = play.scene.reopened(h).await;
        play.look().await;
        for _ in 0..STEPS / 3 {
            play.step().await;
        }
        play.curtain().await;
    }
}

struct Play {
    scene: Scene,
    dice: Dice,
    now_ms: u64,
    workers: Vec<(Worker, Vec<Fence>)>,
    created: Vec<ExecutionId>,
    /// The cleanup of each canceled one, once it was seen.
    cleanups: BTreeMap<ExecutionId, ExecutionId>,
    granted: BTreeSet<ExecutionId>,
}

impl Play {
    async fn begin(scene: Scene, seed: u64) -> Self {
        let mut play = Self {
            scene,
            dice: Dice::of(seed),
            now_ms: seed % 1_000,
            workers: Vec::new(),
            created: Vec::new(),
            cleanups: BTreeMap::new(),
            granted: BTreeSet::new(),
        };
        // Stores keep what the play before left: time goes on from there.
        let latest = play.scene.store.latest_instant().await;
        if let Some(latest) = latest.expect("it is read") {
            play.now_ms = latest.ms_since(at(0)) + 1;
        }
        play.hire().await;
        play.hire().await;
        play
    }

    async fn hire(&mut self) {
        let terms = CleanupTerms::new(5_000, 2).expect("these are within their limits");
        let new = NewSession {
            cleanups: vec![(kind("job"), terms)],
            ..session(3)
        };
        let worker = self.scene.register(at(self.now_ms), new).await;
        self.workers.push((worker, Vec::new()));
    }

    async fn step(&mut self) {
        self.now_ms += self.dice.below(400);
        match self.dice.below(12) {
            0..=2 => self.create().await,
            3..=5 => self.claim().await,
            6 => self.hand_in().await,
            7 | 8 => self.cancel().await,
            9 | 10 => self.report().await,
            _ => self.pass_time().await,
        }
        self.look().await;
    }

    async fn create(&mut self) {
        let new = match (self.dice.below(3), self.created.is_empty()) {
            (0, false) => child_of(self.anyone()),
            _ => hasty(2),
        };
        let id = self.scene.create(at(self.now_ms), new).await;
        self.created.push(id);
    }

    fn anyone(&mut self) -> ExecutionId {
        let index = self.dice.index(self.created.len());
        self.created[index]
    }

    async fn claim(&mut self) {
        let index = self.dice.index(self.workers.len());
        let request = self.workers[index].0.next_claim(3);
        let ClaimOutcome::Served { grants, .. } = self.scene.ask(at(self.now_ms), request).await
        else {
            return;
        };
        for grant in &grants {
            self.check(grant).await;
        }
        self.workers[index].1.extend(fences(&grants));
    }

    /// What is granted as a cleanup is one, and nothing of the other one holds anything.
    async fn check(&mut self, grant: &Grant) {
        let id = grant.fence.execution;
        let Some(told) = &grant.cleanup_of else {
            assert!(self.created.contains(&id), "a cleanup says what it is for");
            return;
        };
        let of = self.scene.record(told.execution).await;
        assert_eq!(of.summary.standing.state, State::Canceled);
        assert_eq!(of.summary.cleanup.map(|(cleanup, _)| cleanup), Some(id));
        assert!(!holds(&of), "{of:?}");
        self.granted.insert(id);
    }

    async fn hand_in(&mut self) {
        if let Some((index, fence)) = self.held() {
            let item = ITEMS[self.dice.index(ITEMS.len())](fence);
            let (worker, _) = &self.workers[index];
            self.scene.finish(worker, at(self.now_ms), item).await;
        }
    }

    async fn report(&mut self) {
        let Some((index, fence)) = self.held() else {
            return;
        };
        let event = REPORTED[self.dice.index(REPORTED.len())];
        let (worker, _) = &self.workers[index];
        let report = stage(fence, event);
        let reported = self
            .scene
            .store
            .report_stops(at(self.now_ms), worker.session, vec![report]);
        // A session that has ended is told so.
        let _ = reported.await.expect("the report is served");
    }

    fn held(&mut self) -> Option<(usize, Fence)> {
        let index = self.dice.index(self.workers.len());
        let held = self.workers[index].1.clone();
        (!held.is_empty()).then(|| (index, held[self.dice.index(held.len())]))
    }

    async fn cancel(&mut self) {
        if self.created.is_empty() {
            return;
        }
        let id = self.anyone();
        if self.dice.below(3) == 0 {
            self.scene
                .cancel_all(at(self.now_ms), vec![cascade(id)])
                .await;
        } else {
            self.scene.cancel(at(self.now_ms), id).await;
        }
    }

    /// Time goes on: leases end, attempts run too long, back-offs are over, workers come and go.
    async fn pass_time(&mut self) {
        self.now_ms += self.dice.below(LEASE_MS);
        let now = at(self.now_ms);
        self.scene.promote(now).await;
        self.scene.time_out(now).await;
        self.scene.flag_overdue(now).await;
        self.scene.expire(now).await;
        let tick = self.scene.store.decide_descendants(now, MANY).await;
        tick.expect("the tick is served");
        if self.dice.below(3) == 0 && !self.created.is_empty() {
            let id = self.anyone();
            release_of(&self.scene, now, id).await;
        }
        self.hire().await;
    }

    /// One cleanup for each canceled one, the same at every look; none for others.
    async fn look(&mut self) {
        for id in self.created.clone() {
            let record = self.scene.record(id).await;
            let cleanup = record.summary.cleanup.map(|(cleanup, _)| cleanup);
            let is_canceled = record.summary.standing.state == State::Canceled;
            assert_eq!(cleanup.is_some(), is_canceled, "{record:?}");
            if let Some(cleanup) = cleanup {
                let known = *self.cleanups.entry(id).or_insert(cleanup);
                assert_eq!(known, cleanup);
            }
        }
        let different: BTreeSet<_> = self.cleanups.values().collect();
        assert_eq!(different.len(), self.cleanups.len(), "each has its own");
    }

    /// Once everything is canceled and everybody has left, every cleanup has what it waits for.
    async fn curtain(&mut self) {
        for id in self.created.clone() {
            self.scene.cancel(at(self.now_ms), id).await;
        }
        self.now_ms += 2 * LEASE_MS;
        self.scene.expire(at(self.now_ms)).await;
        self.look().await;
        for cleanup in self.cleanups.values() {
            let standing = self.scene.standing(*cleanup).await;
            let waits = standing.waits_for(at(self.now_ms), None);
            let held_back = waits.is_some_and(|(_, by)| by.is_some());
            assert!(!held_back, "{standing:?}");
        }
        assert!(self.granted.len() > 3, "some of them ran");
        self.workers.clear();
    }
}

/// Whether something of an execution holds what it had.
fn holds(record: &ExecutionRecord) -> bool {
    let mut stops = record.attempts.iter().filter_map(|one| one.stop.as_ref());
    stops.any(|stop| {
        let settled = matches!(stop.status, StopStatus::Stopped | StopStatus::Presumed);
        !settled && stop.released.is_none()
    })
}
