//! Random verbs from fixed seeds: each answer is the one that `domain` decides, each promise is kept.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use taskpilot_domain::execution::{Event, FenceMatch, Refused, State, confirm_start, transition};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Fence};
use taskpilot_domain::limits::{LEASE_MS, TREE_DEPTH_MAX};
use taskpilot_domain::queue::QueueAction;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::{How, StopChange, StopEvent, advance};
use taskpilot_domain::time::Timestamp;

use super::cancel_batch::batch_of;
use super::dice::Dice;
use super::oracle::{
    Trees, born, decided, event_of, later_count, line_of, one_of_many, stop_status,
};
use super::promises;
use super::queues::{change, limit, pause, resume, steer, told};
use super::random_calls::Known;
use super::releases::release_of;
use super::scene::{Scene, Worker};
use super::starts::begin;
use super::words::{
    MANY, at, by_id, cascade, failed, failed_for_good, fences, fresh_token, held, interrupted,
    released, stage_ago, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::cancels::CancelBatch;
use crate::rows::executions::{ExecutionRecord, Grant};
use crate::rows::sessions::{HandIn, HandInVerdict, Heartbeat};
use crate::rows::stops::{ReleaseOutcome, StopVerdict};

const SEEDS: [u64; 6] = [1, 7, 42, 1_000_003, 0xdead_beef, u64::MAX];
const STEPS: u64 = 250;

pub(super) const ITEMS: [fn(Fence) -> HandIn; 5] =
    [succeeded, failed, failed_for_good, released, interrupted];
pub(super) const REPORTED: [StopEvent; 5] = [
    StopEvent::Delivered,
    StopEvent::Acknowledged,
    StopEvent::Ended(How::Terminated),
    StopEvent::GaveUp,
    StopEvent::Unkillable,
];

pub async fn random_verbs_keep_every_promise(h: &impl SchedulerHarness) {
    let mut play = Play::begin(Scene::of(h));
    for seed in SEEDS {
        play.cast(seed).await;
        for _ in 0..STEPS {
            play.step().await;
        }
        play.curtain().await;
    }
}

pub async fn random_verbs_between_restarts_keep_every_promise(h: &mut impl SchedulerHarness) {
    let mut play = Play::begin(Scene::of(h));
    for seed in SEEDS {
        play.cast(seed ^ 0x5555).await;
        for _ in 0..5 {
            for _ in 0..STEPS / 10 {
                play.step().await;
            }
            play.scene = play.scene.reopened(h).await;
            play.look().await;
        }
        play.curtain().await;
    }
}

/// The run of one seed: what was granted to whom, and what every execution was a moment before.
pub(super) struct Play {
    pub(super) scene: Scene,
    pub(super) dice: Dice,
    pub(super) now_ms: u64,
    pub(super) workers: Vec<Actor>,
    pub(super) seen: BTreeMap<ExecutionId, ExecutionRecord>,
    pub(super) granted: HashSet<(ExecutionId, AttemptNumber)>,
    trees: Trees,
    /// The seed, after which keys are named.
    pub(super) cast: u64,
    pub(super) keys: BTreeMap<String, Known>,
}

pub(super) struct Actor {
    pub(super) worker: Worker,
    pub(super) lease_until: Timestamp,
    pub(super) grants: Vec<Grant>,
    /// What its last claim was granted.
    pub(super) last: Vec<Fence>,
    pub(super) alive: bool,
}

impl Play {
    fn begin(scene: Scene) -> Self {
        Self {
            scene,
            dice: Dice::of(0),
            now_ms: 0,
            workers: Vec::new(),
            seen: BTreeMap::new(),
            granted: HashSet::new(),
            trees: Trees::default(),
            cast: 0,
            keys: BTreeMap::new(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        at(self.now_ms)
    }

    async fn cast(&mut self, seed: u64) {
        self.dice = Dice::of(seed);
        self.cast = seed;
        for _ in 0..3 {
            self.hire().await;
        }
    }

    /// Ends the run: everything is canceled, everybody leaves, nothing stays open.
    async fn curtain(&mut self) {
        self.decide_trees().await;
        for id in self.seen.keys().copied().collect::<Vec<_>>() {
            self.scene.cancel(self.now(), id).await;
        }
        for actor in &self.workers {
            if actor.alive {
                self.scene
                    .goodbye(&actor.worker, self.now(), Vec::new())
                    .await;
            }
        }
        self.look().await;
        for record in self.seen.values() {
            let standing = &record.summary.standing;
            assert!(standing.state.is_final() && !standing.stop_unproven);
        }
        self.forget_all().await;
        self.workers.clear();
        self.seen.clear();
        self.trees.clear();
    }

    /// Nothing of a closed tree is left over.
    async fn decide_trees(&mut self) {
        let now = self.now();
        loop {
            let tick = self.scene.store.decide_descendants(now, 3).await;
            let moved = tick.expect("the tick is served").moved;
            assert!(moved <= 3, "a slice has its limit");
            if moved == 0 {
                break;
            }
        }
        self.look().await;
        assert_eq!(self.trees.undecided(&self.seen), 0);
    }

    async fn step(&mut self) {
        self.now_ms += self.dice.below(1_500);
        self.bury().await;
        match self.dice.below(47) {
            0..=3 => self.create().await,
            4..=8 => self.claim().await,
            9..=12 => self.finish().await,
            13..=14 => self.cancel().await,
            15..=17 => self.report().await,
            18..=20 => self.beat().await,
            21 => self.leave().await,
            22 => self.repeat_claim().await,
            26..=27 => self.steer().await,
            28..=29 => self.release().await,
            30..=32 => self.ask_to_begin().await,
            33..=34 => self.cancel_many().await,
            35..=37 => self.create_keyed().await,
            38 => self.cancel_key().await,
            39 => self.cancel_another().await,
            40..=42 => self.exchange().await,
            43 | 44 => self.beat_and_report().await,
            45 => self.extend().await,
            46 => self.list().await,
            _ => self.tick().await,
        }
        self.look().await;
    }

    /// Reads everything and holds it against what it was.
    async fn look(&mut self) {
        let ids: Vec<ExecutionId> = self.seen.keys().copied().collect();
        for id in ids {
            let record = self.kept(id).await;
            promises::follow(&self.seen[&id], &record);
            self.seen.insert(id, record);
        }
        let mut sessions = self.scene.sessions().await;
        let own = |id| self.workers.iter().any(|one| one.worker.session.id == id);
        sessions.retain(|session| own(session.id));
        promises::hold_slots(&sessions, self.seen.values());
        let queue = told(&self.scene, "default").await;
        promises::count_all(&queue, self.seen.values());
    }

    /// Ends the sessions whose lease is over, and checks that it is those and no others.
    async fn bury(&mut self) {
        // Whether a lease is over at its very end is left open.
        while self
            .workers
            .iter()
            .any(|one| one.lease_until == at(self.now_ms))
        {
            self.now_ms += 1;
        }
        let now = self.now();
        let mut expected = Vec::new();
        for actor in &mut self.workers {
            if actor.alive && actor.lease_until < now {
                actor.alive = false;
                expected.push(actor.worker.session.id);
            }
        }
        let jitter = Jitter(self.dice.roll());
        let tick = self.scene.store.expire_sessions(now, MANY, jitter).await;
        let mut ended = tick.expect("the tick is served").ended;
        ended.sort_unstable();
        expected.sort_unstable();
        assert_eq!(ended, expected);
        if !expected.is_empty() {
            self.look().await;
        }
        for _ in expected {
            self.hire().await;
        }
    }

    async fn hire(&mut self) {
        let slots = u32::try_from(1 + self.dice.below(4)).expect("few");
        let worker = self.scene.worker(self.now(), slots).await;
        self.workers.push(Actor {
            lease_until: worker.registered.lease_until,
            worker,
            grants: Vec::new(),
            last: Vec::new(),
            alive: true,
        });
    }

    async fn create(&mut self) {
        let mut new = self.dice.execution(self.now());
        new.options.cancel_children = self.dice.below(8) == 0;
        new.parent = self.any_parent();
        let parent = new.parent;
        let id = self.scene.create(self.now(), new).await;
        let record = self.scene.record(id).await;
        let is_below = parent.is_some_and(|parent| self.trees.has(parent, &self.seen));
        assert_eq!(record.summary.standing.state, born(is_below));
        assert_eq!(record.family.map(|(parent, _)| parent), parent);
        self.seen.insert(id, record);
    }

    /// Somebody who can have a child, or nobody.
    fn any_parent(&mut self) -> Option<ExecutionId> {
        if self.seen.is_empty() || self.dice.below(3) == 0 {
            return None;
        }
        let index = self.dice.index(self.seen.len());
        let id = *self.seen.keys().nth(index)?;
        let depth = line_of(id, &self.seen).count() - 1;
        (depth < TREE_DEPTH_MAX as usize).then_some(id)
    }

    /// One of the living.
    pub(super) fn anybody(&mut self) -> usize {
        let living: Vec<usize> = (0..self.workers.len())
            .filter(|index| self.workers[*index].alive)
            .collect();
        living[self.dice.index(living.len())]
    }

    async fn claim(&mut self) {
        let (now, index) = (self.now(), self.anybody());
        let want = 1 + self.dice.index(4);
        let queue = told(&self.scene, "default").await;
        let room = queue.settings.rule().room(queue.counts.held());
        let actor = &mut self.workers[index];
        let grants = self.scene.claim(&actor.worker, now, want).await;
        assert!(grants.len() <= want);
        let left = u64::from(self.scene.session(&actor.worker).await.held().room());
        let granted = grants.len() as u64;
        // Of what is ready, nothing in a closed tree is granted.
        let ready = queue.counts.ready;
        let undecided = self.trees.undecided(&self.seen) as u64;
        let of = |ready: u64| {
            let most = (want as u64).min(left + granted).min(ready);
            room.map_or(most, |room| room.min(most))
        };
        let expected = of(ready.saturating_sub(undecided))..=of(ready);
        assert!(expected.contains(&granted), "{granted} of {expected:?}");
        for grant in &grants {
            let is_below = self.trees.has(grant.fence.execution, &self.seen);
            assert!(!is_below, "it is in a closed tree");
            let before = &self.seen[&grant.fence.execution].summary.standing;
            let begun = decided(before, Event::Claimed, now, Jitter(0));
            assert_eq!(begun.next.attempt, grant.fence.attempt);
            assert!(self.granted.insert(held(grant)), "granted twice");
        }
        actor.last = fences(&grants);
        actor.grants.extend(grants);
    }

    /// Asks again for what the last claim granted: the same or less, never more.
    async fn repeat_claim(&mut self) {
        let index = self.anybody();
        let actor = &self.workers[index];
        if actor.last.is_empty() {
            return;
        }
        let request = actor.worker.claim_again(actor.worker.last_seq(), 3);
        let served = self.scene.served(self.now(), request).await;
        let again = fences(&served.grants);
        assert!(again.iter().all(|fence| actor.last.contains(fence)));
        for fence in &actor.last {
            let record = &self.seen[&fence.execution];
            let index = usize::try_from(fence.attempt.0).expect("few") - 1;
            let runs = record.attempts[index].end.is_none();
            assert!(!runs || again.contains(fence), "a grant was forgotten");
        }
    }

    /// A grant of anybody's, dead or alive, current or long over; or a forged one.
    pub(super) fn any_fence(&mut self) -> Option<(usize, Fence, bool)> {
        let index = self.dice.index(self.workers.len());
        let actor = &self.workers[index];
        let count = actor.grants.len();
        if count == 0 {
            return None;
        }
        // The latest ones are worth the most.
        let back = self.dice.index(count.min(5));
        let fence = actor.grants[count - 1 - back].fence;
        let forged = self.dice.below(12) == 0;
        let token = if forged { fresh_token() } else { fence.token };
        Some((index, Fence { token, ..fence }, forged))
    }

    async fn finish(&mut self) {
        let Some((index, item, expected)) = self.any_item() else {
            return;
        };
        let (now, jitter, id) = (self.now(), item.jitter, item.fence.execution);
        let before = &self.seen[&id];
        let event = event_of(before, &item, self.is_forged(item.fence));
        let decision = transition(&before.summary.standing, event, now, jitter);
        let actor = &self.workers[index];
        let verdict = self.scene.finish(&actor.worker, now, item).await;
        assert_eq!(verdict, expected, "{event:?} of {before:#?}");
        if let Ok(decided) = decision {
            let record = self.scene.record(id).await;
            assert_eq!(record.summary.standing, decided.next);
            assert_eq!(record.summary.completed_at, decided.completed_at);
        }
    }

    async fn cancel(&mut self) {
        let Some(id) = self.any_execution() else {
            return;
        };
        let cascades = self.dice.below(4) == 0;
        let request = if cascades { cascade(id) } else { by_id(id) };
        let mut outcomes = self.scene.cancel_all(self.now(), vec![request]).await;
        let outcome = outcomes.remove(0);
        self.trees.hear(cascades, &outcome);
        self.was_decided(id, outcome);
    }

    /// A few at once, of one state or of any, and at times as the repeat of what came before.
    async fn cancel_many(&mut self) {
        let now = self.now();
        let ids: Vec<ExecutionId> = self.seen.keys().copied().collect();
        let few = self.dice.index(4).min(ids.len());
        let ids: Vec<ExecutionId> = (0..few)
            .map(|_| ids[self.dice.index(ids.len())])
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let states: [Option<Arc<[State]>>; 4] = [
            None,
            Some(Arc::from([State::Pending])),
            Some(Arc::from([State::Running])),
            Some(Arc::from([])),
        ];
        let batch = CancelBatch {
            states: states[self.dice.index(4)].clone(),
            since: (self.dice.below(2) == 0).then(|| at(self.now_ms.saturating_sub(5_000))),
            not_after: (self.dice.below(3) == 0)
                .then(|| at((self.now_ms + self.dice.below(2)).saturating_sub(1))),
            ..batch_of(ids.clone())
        };
        let expected: Vec<_> = ids
            .iter()
            .map(|id| one_of_many(&self.seen[id], &batch, now))
            .collect();
        let decided = self.scene.store.cancel_batch(now, batch).await;
        let told: Vec<_> = expected.iter().map(|one| one.told).collect();
        assert_eq!(decided.expect("the batch is served").outcomes, told);
        for (id, one) in ids.into_iter().zip(expected) {
            let record = self.scene.record(id).await;
            let later = later_count(&self.seen[&id]) + u64::from(one.is_later);
            assert_eq!(later_count(&record), later, "{:?}", one.told);
            if let Some(change) = one.change {
                assert_eq!(record.summary.standing, change.next);
                assert_eq!(record.summary.completed_at, change.completed_at);
                self.trees.hear_of_many(&record);
            }
        }
    }

    async fn report(&mut self) {
        let Some((index, fence, forged)) = self.any_fence() else {
            return;
        };
        let event = REPORTED[self.dice.index(REPORTED.len())];
        let ago_ms = self.dice.below(3_000);
        let before = stop_status(&self.seen[&fence.execution], fence);
        let known = before.filter(|_| !forged);
        let actor = &self.workers[index];
        let report = stage_ago(fence, event, ago_ms);
        let verdict = self.scene.report(&actor.worker, self.now(), report).await;
        let expected = match known {
            Some(_) => StopVerdict::Recorded,
            None => StopVerdict::Unknown,
        };
        assert_eq!(verdict, expected);
        let after = stop_status(&self.scene.record(fence.execution).await, fence);
        let moved = known.map(|status| match advance(status, event) {
            StopChange::Moved(next) => next,
            StopChange::Evidence
            | StopChange::NoOp
            | StopChange::Released
            | StopChange::Refused => status,
        });
        assert_eq!(after, moved.or(before));
    }

    /// A worker that lives asks whether an attempt may begin.
    async fn ask_to_begin(&mut self) {
        let Some((index, fence, forged)) = self.any_fence() else {
            return;
        };
        if !self.workers[index].alive {
            return;
        }
        let before = &self.seen[&fence.execution];
        let state = before.summary.standing.state;
        let mut attempts = before.attempts.iter();
        let attempt = attempts.find(|one| one.number == fence.attempt);
        let attempt = attempt.expect("it was granted");
        let compared = match attempt.end {
            _ if forged => FenceMatch::Unknown,
            None => FenceMatch::Current,
            Some(_) => FenceMatch::EndedOtherwise,
        };
        let expected = match confirm_start(state, compared, attempt.confirmed_at) {
            Ok(()) => HandInVerdict::Applied,
            Err(Refused::Duplicate) => HandInVerdict::Duplicate,
            Err(Refused::Late) => HandInVerdict::Late { winner: state },
            Err(_) => HandInVerdict::Stale,
        };
        let worker = &self.workers[index].worker;
        let verdict = begin(&self.scene, self.now(), worker, fence).await;
        assert_eq!(verdict, expected, "{compared:?} of {before:#?}");
    }

    /// An operator takes on the last stop of an execution, whatever its status.
    async fn release(&mut self) {
        let count = self.seen.len();
        if count == 0 {
            return;
        }
        let index = self.dice.index(count);
        let (id, before) = self.seen.iter().nth(index).expect("an execution");
        let mut stops = before.attempts.iter().rev();
        let last = stops.find_map(|attempt| attempt.stop.as_ref());
        let status = last.map(|stop| stop.status);
        let change = status.map(|status| advance(status, StopEvent::ReleasedByOperator));
        let before = last.is_some_and(|stop| stop.released.is_some());
        let outcome = release_of(&self.scene, self.now(), *id).await;
        match (change, outcome) {
            (_, ReleaseOutcome::Already(_)) => assert!(before, "{id}"),
            (Some(StopChange::Released), ReleaseOutcome::Released(_)) => assert!(!before, "{id}"),
            (None | Some(StopChange::Refused), ReleaseOutcome::Refused(told)) => {
                assert_eq!((told, before), (status, false), "{id}");
            }
            both => panic!("decided and answered: {both:?}"),
        }
    }

    async fn beat(&mut self) {
        let (now, index) = (self.now(), self.anybody());
        let forgetful = self.dice.below(5) == 0;
        let actor = &mut self.workers[index];
        let holds = actor
            .grants
            .iter()
            .filter(|grant| !forgetful || grant.fence.attempt.0.is_multiple_of(2))
            .map(held)
            .collect();
        let heartbeat = Heartbeat {
            held: holds,
            ..actor.worker.beat(&[])
        };
        self.scene.beat(now, heartbeat).await;
        actor.lease_until = actor.lease_until.max(now.plus_ms(LEASE_MS));
    }

    async fn leave(&mut self) {
        let index = self.anybody();
        let never_started = self.workers[index]
            .grants
            .iter()
            .filter(|grant| grant.fence.execution.get() % 2 == 0)
            .map(held)
            .collect();
        self.workers[index].alive = false;
        let worker = &self.workers[index].worker;
        self.scene.goodbye(worker, self.now(), never_started).await;
        self.hire().await;
    }

    /// Sets or takes away a limit or a pause of the queue of all.
    async fn steer(&mut self) {
        let wish = match self.dice.below(6) {
            0 | 1 => limit(u32::try_from(1 + self.dice.below(4)).expect("few")),
            2 => change(QueueAction::Limit(None)),
            3 => pause(),
            _ => resume(),
        };
        steer(&self.scene, self.now(), "default", wish).await;
    }

    async fn tick(&mut self) {
        let now = self.now();
        let (store, jitter) = (&self.scene.store, Jitter(self.dice.roll()));
        let tick = match self.dice.below(5) {
            0 | 1 => store.promote_due(now, 5).await,
            4 => store.decide_descendants(now, 2).await,
            2 => store.time_out_attempts(now, 5, jitter).await,
            _ => store.flag_overdue_stops(now, 5).await,
        };
        tick.expect("the tick is served");
        let tick = store.pass_deadlines(now, 1).await;
        tick.expect("the tick is served");
    }
}
