//! The calls of the random play that say several things at once, speak of keys, or look back.

use taskpilot_domain::execution::{Event, Refused, State, transition};
use taskpilot_domain::ids::{ExecutionId, Fence};
use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::retention::Retention;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::{CancelCause, StopStatus};

use super::oracle::{decided, event_of, stop_status};
use super::promises;
use super::random::{ITEMS, Play, REPORTED};
use super::words::{
    MANY, assert_same, by_key, cancel_of, fences, held, home, keyed, keyed_long_ago,
    nobodys_execution, stage_ago,
};
use crate::rows::executions::{
    CancelOutcome, CancelTarget, CreateOutcome, ExecutionFilter, ExecutionRecord, ExecutionSummary,
};
use crate::rows::sessions::{HandIn, HandInVerdict, Heartbeat, HeartbeatOutcome};
use crate::rows::stops::{Held, StopVerdict};

const DAY_MS: u64 = 86_400_000;
const TEN_DAYS: Retention = Retention {
    history_ms: 10 * DAY_MS,
};

/// What a key stands for: which body was first, if any was, and which execution it is.
pub(super) type Known = (Option<u8>, ExecutionId);

impl Play {
    fn any_key(&mut self) -> String {
        format!("{}-{}", self.cast, self.dice.below(10))
    }

    /// A create under a key that may be known, with a body that may be another, as late as may be.
    pub(super) async fn create_keyed(&mut self) {
        let (name, body) = (self.any_key(), u8::from(self.dice.below(5) == 0));
        let is_old = self.dice.below(6) == 0;
        let new = if is_old {
            keyed_long_ago(&name, body)
        } else {
            keyed(&name, body)
        };
        let known = self.keys.get(&name).copied();
        let outcome = self.scene.submit(self.now(), new).await;
        let record = match (known, outcome) {
            (None, CreateOutcome::Expired) if is_old => return,
            (None, CreateOutcome::Created(record)) if !is_old => record,
            (Some((first, id)), CreateOutcome::Replayed(record))
                if first.is_none_or(|first| first == body) && record.summary.id == id =>
            {
                record
            }
            (Some((Some(first), _)), CreateOutcome::Mismatch) if first != body => return,
            both => panic!("known and answered: {both:?}"),
        };
        let id = record.summary.id;
        self.keys.insert(name, (Some(body), id));
        // What stood there already is looked at beside what it was.
        self.seen.entry(id).or_insert(record);
    }

    /// A cancel of whatever a key stands for, which may be nothing yet.
    pub(super) async fn cancel_key(&mut self) {
        let name = self.any_key();
        let known = self.keys.get(&name).copied();
        let mut outcomes = self
            .scene
            .cancel_all(self.now(), vec![by_key(&name), by_key(&name)])
            .await;
        let again = outcomes.remove(1);
        let first = outcomes.remove(0);
        let Some((_, id)) = known else {
            let CancelOutcome::Canceled(record) = first else {
                panic!("no tombstone: {first:?}");
            };
            assert_eq!((&record.summary.kind, record.attempts.len()), (&None, 0));
            assert!(matches!(again, CancelOutcome::Already(_)), "{again:?}");
            self.keys.insert(name, (None, record.summary.id));
            self.seen.insert(record.summary.id, record);
            return;
        };
        self.was_decided(id, first);
        assert!(
            matches!(again, CancelOutcome::Already(_) | CancelOutcome::Refused(_)),
            "{again:?}"
        );
    }

    /// Compares the answer to a cancel with what `domain` says of what was seen last.
    pub(super) fn was_decided(&self, id: ExecutionId, outcome: CancelOutcome) {
        let standing = self.seen[&id].summary.standing;
        let event = Event::CancelRequested(CancelCause::User);
        match (transition(&standing, event, self.now(), Jitter(0)), outcome) {
            (Ok(decided), CancelOutcome::Canceled(record)) => {
                assert_eq!(record.summary.standing, decided.next);
                assert_eq!(record.summary.completed_at, decided.completed_at);
            }
            (Err(Refused::NoOp), CancelOutcome::Already(_))
            | (Err(Refused::Refused), CancelOutcome::Refused(_)) => {}
            both => panic!("decided and answered: {both:?}"),
        }
    }

    /// A cancel of something else under this id: it changes nothing, whatever the state.
    pub(super) async fn cancel_another(&mut self) {
        let Some(id) = self.any_execution() else {
            return;
        };
        let reference = Some("another".to_owned());
        let request = cancel_of(CancelTarget::Id { id, reference });
        let outcome = self.scene.cancel_all(self.now(), vec![request]).await;
        assert!(
            matches!(outcome[..], [CancelOutcome::OtherReference]),
            "{outcome:?}"
        );
        assert_same(&self.scene.record(id).await, &self.seen[&id]);
    }

    /// An item about some attempt, and what is to be answered to it.
    pub(super) fn any_item(&mut self) -> Option<(usize, HandIn, HandInVerdict)> {
        let (index, fence, forged) = self.any_fence()?;
        let mut item = ITEMS[self.dice.index(ITEMS.len())](fence);
        item.jitter = Jitter(self.dice.roll());
        let before = &self.seen[&fence.execution];
        let event = event_of(before, &item, forged);
        let standing = &before.summary.standing;
        let winner = standing.state;
        let verdict = match transition(standing, event, self.now(), item.jitter) {
            Ok(_) => HandInVerdict::Applied,
            Err(Refused::Duplicate) => HandInVerdict::Duplicate,
            Err(Refused::Late) => HandInVerdict::Late { winner },
            Err(Refused::Stale) => HandInVerdict::Stale,
            Err(other) => panic!("no verdict on a hand-in: {other:?}"),
        };
        Some((index, item, verdict))
    }

    /// Hands in and claims in one call: what is handed back may be granted at once.
    pub(super) async fn exchange(&mut self) {
        let Some((_, item, expected)) = self.any_item() else {
            return;
        };
        let (now, index) = (self.now(), self.anybody());
        let mut handed_in = self.seen[&item.fence.execution].clone();
        let event = event_of(&handed_in, &item, self.is_forged(item.fence));
        let standing = &mut handed_in.summary.standing;
        if let Ok(change) = transition(standing, event, now, item.jitter) {
            *standing = change.next;
        } else if self.settles(&item) {
            standing.stop_unproven = false;
        }
        let want = 1 + self.dice.index(3);
        let mut request = self.workers[index].worker.next_claim(want);
        request.hand_ins = vec![item.clone()];
        let served = self.scene.served(now, request).await;
        assert_eq!(served.verdicts, [expected], "{item:?}");
        assert!(served.grants.len() <= want);
        for grant in &served.grants {
            let id = grant.fence.execution;
            let before = if id == item.fence.execution {
                &handed_in
            } else {
                &self.seen[&id]
            };
            let standing = &before.summary.standing;
            let begun = decided(standing, Event::Claimed, now, Jitter(0));
            assert_eq!(begun.next.attempt, grant.fence.attempt);
            assert!(self.granted.insert(held(grant)), "granted twice");
        }
        let actor = &mut self.workers[index];
        actor.last = fences(&served.grants);
        actor.grants.extend(served.grants);
    }

    pub(super) fn is_forged(&self, fence: Fence) -> bool {
        let mut grants = self.workers.iter().flat_map(|actor| &actor.grants);
        !grants.any(|grant| grant.fence == fence)
    }

    /// Whether a report that changes nothing proves the one open stop of its execution.
    fn settles(&self, item: &HandIn) -> bool {
        let before = &self.seen[&item.fence.execution];
        let event = event_of(before, item, self.is_forged(item.fence));
        event.about_stop(item.how).is_some() && stop_status(before, item.fence).is_some()
    }

    /// A sign of life that reports a stop, and is told orders and losses.
    pub(super) async fn beat_and_report(&mut self) {
        let Some((_, fence, forged)) = self.any_fence() else {
            return;
        };
        let event = REPORTED[self.dice.index(REPORTED.len())];
        let known = stop_status(&self.seen[&fence.execution], fence).filter(|_| !forged);
        let (now, index) = (self.now(), self.anybody());
        let actor = &mut self.workers[index];
        let holds: Vec<Held> = actor.grants.iter().map(held).collect();
        let heartbeat = Heartbeat {
            stops: vec![stage_ago(fence, event, 10)],
            ..actor.worker.beat(&holds)
        };
        let outcome = self.scene.beat(now, heartbeat).await;
        actor.lease_until = actor.lease_until.max(now.plus_ms(LEASE_MS));
        let HeartbeatOutcome::Renewed {
            remaining_ms,
            orders,
            lost,
            stop_verdicts,
        } = outcome
        else {
            panic!("the living are renewed: {outcome:?}");
        };
        assert_eq!(remaining_ms, actor.lease_until.ms_since(now));
        let verdict = match known {
            Some(_) => StopVerdict::Recorded,
            None => StopVerdict::Unknown,
        };
        assert_eq!(stop_verdicts, [verdict]);
        let session = actor.worker.session.id;
        let own = self.attempts_of(session.get()).await;
        let unheld: Vec<Held> = holds
            .into_iter()
            .filter(|one| !own.iter().any(|(name, _)| name == one))
            .collect();
        assert_eq!(lost, unheld);
        let mut told: Vec<Held> = orders.iter().map(|order| name(order.fence)).collect();
        told.sort_unstable();
        let unconfirmed = own.into_iter().filter(|(_, wants_order)| *wants_order);
        let expected: Vec<Held> = unconfirmed.map(|(name, _)| name).collect();
        assert_eq!(told, expected);
        let read = self.scene.orders(&self.workers[index].worker).await;
        assert_eq!(read, orders);
    }

    /// What a session runs or has not proven to have stopped, and whether its order is repeated.
    async fn attempts_of(&self, session: i64) -> Vec<(Held, bool)> {
        let mut own = Vec::new();
        for id in self.seen.keys() {
            for attempt in self.scene.record(*id).await.attempts {
                let status = attempt.stop.as_ref().map(|stop| stop.status);
                let open = status.is_some_and(|status| !status.is_settled());
                if attempt.session.get() == session && (attempt.end.is_none() || open) {
                    let wants_order = status.is_some_and(StopStatus::wants_order);
                    own.push(((*id, attempt.number), wants_order));
                }
            }
        }
        own
    }

    /// An outage of ours is over: every lease that has not ended lasts as long at least.
    pub(super) async fn extend(&mut self) {
        let now = self.now();
        let until = now.plus_ms(self.dice.below(LEASE_MS));
        let extended = self.scene.store.extend_leases(now, until).await;
        extended.expect("the extension is served");
        for actor in self.workers.iter_mut().filter(|actor| actor.alive) {
            actor.lease_until = actor.lease_until.max(until);
        }
    }

    /// Lists and reads by id show what a read of each shows.
    pub(super) async fn list(&mut self) {
        let store = &self.scene.store;
        let mut ids: Vec<ExecutionId> = self.seen.keys().copied().collect();
        let Some(oldest) = ids.first().copied() else {
            return;
        };
        ids.push(nobodys_execution());
        let mut found = store.find_executions(&home(), ids).await.expect("served");
        found.sort_unstable_by_key(|summary| summary.id);
        let all = self.seen.values().map(|record| &record.summary);
        assert_summaries(&found, all.clone());
        let state = State::ALL[self.dice.index(State::ALL.len())];
        let filter = ExecutionFilter {
            states: vec![state, State::Canceled],
            limit: MANY,
            ..ExecutionFilter::default()
        };
        let listed = store.list_executions(&home(), filter).await;
        let mut listed = listed.expect("served");
        listed.retain(|summary| summary.id >= oldest);
        let wanted = |summary: &&ExecutionSummary| {
            [state, State::Canceled].contains(&summary.standing.state)
        };
        assert_summaries(&listed, all.rev().filter(wanted));
    }

    /// Days later everything is forgotten whole, and its keys stand for nothing that can be made.
    pub(super) async fn forget_all(&mut self) {
        self.now_ms += 12 * DAY_MS;
        // A parent goes in the walk after that of its last child.
        loop {
            let slice = self.scene.store.forget(self.now(), TEN_DAYS, 20).await;
            let slice = slice.expect("the slice is served");
            if slice.rows == 0 && !slice.more {
                break;
            }
        }
        for id in self.seen.keys() {
            let found = self.scene.store.get_execution(&home(), *id).await;
            assert!(found.expect("the read is served").is_none(), "{id}");
        }
        for name in self.keys.keys() {
            let created = self.scene.submit(self.now(), keyed(name, 0)).await;
            assert!(matches!(created, CreateOutcome::Expired), "{created:?}");
            let canceled = self.scene.cancel_all(self.now(), vec![by_key(name)]).await;
            assert!(
                matches!(canceled[..], [CancelOutcome::Missing]),
                "{canceled:?}"
            );
        }
        self.keys.clear();
    }

    /// An execution that was seen.
    pub(super) fn any_execution(&mut self) -> Option<ExecutionId> {
        let count = self.seen.len();
        if count == 0 {
            return None;
        }
        let index = self.dice.index(count);
        self.seen.keys().nth(index).copied()
    }

    /// Reads one execution, which keeps its promises.
    pub(super) async fn kept(&self, id: ExecutionId) -> ExecutionRecord {
        let record = self.scene.record(id).await;
        promises::keep(&record);
        record
    }
}

fn name(fence: Fence) -> Held {
    (fence.execution, fence.attempt)
}

fn assert_summaries<'s>(
    found: &[ExecutionSummary],
    expected: impl Iterator<Item = &'s ExecutionSummary>,
) {
    let expected: Vec<&ExecutionSummary> = expected.collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
}
