//! Families: who may be whose child, and what a cancel that cascades closes, decides and leaves alone.

use std::collections::BTreeMap;

use taskpilot_domain::execution::{AttemptEnd, State};
use taskpilot_domain::families::NoChild;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::limits::{CHILDREN_MAX, TREE_DEPTH_MAX};
use taskpilot_domain::names::PrincipalName;
use taskpilot_domain::stop::{How, StopCause, StopEvent, StopStatus};

use super::scene::Scene;
use super::words::{
    LONGEST, abroad, at, by_id, by_key, canceled, canceled_already, cascade, child_of, failed,
    granted, job, job_with, keyed, kind, nobodys_execution, refused, replayed, somebody, stage,
    stop_of, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::{
    CancelOutcome, CancelRecord, CancelRequest, CreateOutcome, NewExecution,
};
use crate::rows::sessions::{HandIn, HandInVerdict};

/// A cancel of one with all that is below it.
async fn close(scene: &Scene, ms: u64, id: ExecutionId) -> CancelOutcome {
    scene.cancel_all(at(ms), vec![cascade(id)]).await.remove(0)
}

/// Decides all that is left; how many executions that looked at.
async fn decide(scene: &Scene, ms: u64) -> u32 {
    let mut looked = 0;
    loop {
        let tick = scene.store.decide_descendants(at(ms), 100).await;
        match tick.expect("the tick is served").moved {
            0 => return looked,
            moved => looked += moved,
        }
    }
}

async fn state(scene: &Scene, id: ExecutionId) -> State {
    scene.standing(id).await.state
}

/// A child that is not due.
fn later_child_of(parent: ExecutionId) -> NewExecution {
    let mut new = child_of(parent);
    new.options.scheduled_for = Some(at(1_000_000));
    new
}

fn by_parent(ms: u64) -> CancelRecord {
    CancelRecord {
        cause: StopCause::Parent,
        requested_at: at(ms),
        requested_by: somebody(),
        reason: Some("no longer wanted".into()),
        later_count: 0,
        later: Vec::new(),
    }
}

fn no_child(outcome: CreateOutcome) -> NoChild {
    match outcome {
        CreateOutcome::NoChild(refused) => refused,
        other => panic!("not refused: {other:?}"),
    }
}

pub async fn a_child_shows_its_parent_and_its_root(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    let child = scene.create(at(1), child_of(root)).await;
    let grandchild = scene.create(at(2), child_of(child)).await;
    for (id, family) in [
        (root, None),
        (child, Some((root, root))),
        (grandchild, Some((child, root))),
    ] {
        assert_eq!(scene.record(id).await.family, family);
    }
}

pub async fn a_parent_must_be_there_and_in_the_same_namespace(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    let foreign = NewExecution {
        namespace: abroad(),
        ..child_of(root)
    };
    for new in [child_of(nobodys_execution()), foreign] {
        let outcome = scene.submit(at(1), new).await;
        assert_eq!(no_child(outcome), NoChild::NoParent);
    }
}

pub async fn a_refused_child_leaves_its_key_free(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let orphan = NewExecution {
        parent: Some(nobodys_execution()),
        ..keyed("k", 1)
    };
    assert_eq!(
        no_child(scene.submit(at(0), orphan).await),
        NoChild::NoParent
    );
    scene.create(at(1), keyed("k", 2)).await;
}

pub async fn a_tree_has_a_depth_that_it_does_not_exceed(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut last = scene.create(at(0), job()).await;
    for _ in 0..TREE_DEPTH_MAX {
        last = scene.create(at(1), child_of(last)).await;
    }
    let outcome = scene.submit(at(2), child_of(last)).await;
    assert_eq!(no_child(outcome), NoChild::TooDeep);
}

pub async fn a_parent_has_no_more_children_than_it_may(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    for _ in 0..10 {
        let many = vec![later_child_of(root); CHILDREN_MAX as usize / 10];
        scene.create_all(at(1), many).await;
    }
    let outcome = scene.submit(at(2), child_of(root)).await;
    assert_eq!(no_child(outcome), NoChild::TooMany);
}

pub async fn a_cancel_without_a_cascade_leaves_the_children_alone(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    let child = scene.create(at(0), child_of(root)).await;
    canceled(scene.cancel(at(1), root).await);
    assert_eq!(decide(&scene, 2).await, 0);
    let late = scene.create(at(3), child_of(root)).await;
    let worker = scene.worker(at(4), 5).await;
    let begun = granted(&scene.claim(&worker, at(4), 5).await);
    assert_eq!(begun, [child, late]);
}

pub async fn a_cascade_decides_every_state_below_it(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene
        .create(at(0), job_with(|job| job.kind = kind("other")))
        .await;
    let worker = scene.worker(at(0), 3).await;
    // Each claim is granted the only one that is ready.
    let mut begun = Vec::new();
    for _ in 0..3 {
        scene.create(at(0), child_of(root)).await;
        begun.push(scene.claim_one(&worker, at(0)).await.fence);
    }
    let [running, backing_off, done] = begun.try_into().expect("three");
    let item = HandIn {
        jitter: LONGEST,
        ..failed(backing_off)
    };
    scene.finish(&worker, at(1), item).await;
    scene.finish(&worker, at(1), succeeded(done)).await;
    let later = scene.create(at(2), later_child_of(root)).await;
    let ready = scene.create(at(2), child_of(running.execution)).await;
    canceled(close(&scene, 10, root).await);
    decide(&scene, 20).await;

    let mut states = BTreeMap::new();
    for id in [
        running.execution,
        backing_off.execution,
        done.execution,
        later,
        ready,
    ] {
        let record = scene.record(id).await;
        states.insert(id, record.summary.standing.state);
        let expected = Some(by_parent(20)).filter(|_| id != done.execution);
        assert_eq!(record.cancel, expected, "{id}");
    }
    let succeeded: Vec<_> = states
        .iter()
        .filter(|(_, state)| **state != State::Canceled)
        .collect();
    assert_eq!(succeeded, [(&done.execution, &State::Succeeded)]);
    let stopped = scene.record(running.execution).await;
    assert_eq!(stopped.attempts[0].end, Some(AttemptEnd::Canceled));
    let stop = stop_of(&stopped);
    assert_eq!(
        (stop.status, stop.cause, stop.requested_at),
        (StopStatus::Requested, StopCause::Parent, at(20))
    );
    assert_eq!(scene.orders(&worker).await.len(), 1);
    assert_eq!(scene.promote(at(2_000_000)).await, 0);
}

pub async fn nothing_below_a_closed_tree_is_granted_before_it_is_decided(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    let child = scene.create(at(0), child_of(root)).await;
    let grandchild = scene.create(at(0), child_of(child)).await;
    let beside = scene.create(at(1), job()).await;
    canceled(close(&scene, 10, root).await);
    let worker = scene.worker(at(11), 9).await;
    // One slot for each: what may not begin does not stand in the way of what may.
    let served = scene.served(at(11), worker.next_claim(1)).await;
    assert_eq!(granted(&served.grants), [beside]);
    let served = scene.served(at(12), worker.next_claim(5)).await;
    assert_eq!(granted(&served.grants), []);
    assert!(served.drained, "nothing is left that somebody could take");
    for id in [child, grandchild] {
        let record = scene.record(id).await;
        assert_eq!(
            record.cancel,
            Some(by_parent(11)),
            "decided instead of granted"
        );
        assert!(record.attempts.is_empty());
    }
    decide(&scene, 13).await;
    assert_eq!(scene.record(child).await.cancel, Some(by_parent(11)));
}

pub async fn what_is_created_below_a_closed_tree_is_born_canceled(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    let child = scene.create(at(0), child_of(root)).await;
    canceled(close(&scene, 10, root).await);
    // Before the slices, after them, and after what was born so.
    for (ms, parent) in [(11, root), (11, child), (13, root), (13, child)] {
        if ms == 13 {
            decide(&scene, 12).await;
        }
        let born = scene.create(at(ms), child_of(parent)).await;
        let record = scene.record(born).await;
        assert_eq!(record.summary.standing.state, State::Canceled);
        assert_eq!(record.summary.completed_at, Some(at(ms)));
        assert_eq!(record.cancel, Some(by_parent(ms)));
        let below = scene.create(at(ms), child_of(born)).await;
        assert_eq!(scene.record(below).await.cancel, Some(by_parent(ms)));
    }
    let worker = scene.worker(at(14), 9).await;
    assert_eq!(granted(&scene.claim(&worker, at(14), 9).await), []);
}

pub async fn a_repeated_create_of_what_was_born_canceled_is_replayed(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    canceled(close(&scene, 1, root).await);
    let new = NewExecution {
        parent: Some(root),
        ..keyed("k", 1)
    };
    let born = scene.create(at(2), new.clone()).await;
    let again = replayed(scene.submit(at(3), new).await);
    assert_eq!((again.summary.id, again.cancel), (born, Some(by_parent(2))));
}

pub async fn a_cascade_in_the_middle_covers_exactly_its_subtree(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), later()).await;
    let middle = scene.create(at(0), later_child_of(root)).await;
    let below = scene.create(at(0), later_child_of(middle)).await;
    let deeper = scene.create(at(0), later_child_of(below)).await;
    let aunt = scene.create(at(0), later_child_of(root)).await;
    let cousin = scene.create(at(0), later_child_of(aunt)).await;
    canceled(close(&scene, 1, middle).await);
    decide(&scene, 2).await;
    for (id, expected) in [
        (root, State::Pending),
        (middle, State::Canceled),
        (below, State::Canceled),
        (deeper, State::Canceled),
        (aunt, State::Pending),
        (cousin, State::Pending),
    ] {
        assert_eq!(state(&scene, id).await, expected, "{id}");
    }
    for (parent, expected) in [
        (deeper, State::Canceled),
        (middle, State::Canceled),
        (root, State::Pending),
        (cousin, State::Pending),
    ] {
        let born = scene.create(at(3), later_child_of(parent)).await;
        assert_eq!(state(&scene, born).await, expected, "below {parent}");
    }
}

fn later() -> NewExecution {
    job_with(|job| job.options.scheduled_for = Some(at(1_000_000)))
}

pub async fn what_has_ended_hides_nothing_below_it(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), later()).await;
    let (worker, grant) = scene.running(at(0), child_of(root)).await;
    let below = scene
        .create(at(1), later_child_of(grant.fence.execution))
        .await;
    scene.finish(&worker, at(2), succeeded(grant.fence)).await;
    canceled(close(&scene, 3, root).await);
    decide(&scene, 4).await;
    assert_eq!(state(&scene, grant.fence.execution).await, State::Succeeded);
    assert_eq!(scene.record(below).await.cancel, Some(by_parent(4)));
}

pub async fn a_cascade_on_what_has_ended_otherwise_is_refused_and_closes_nothing(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let root = scene.done(at(0)).await;
    let child = scene.create(at(1), later_child_of(root)).await;
    refused(close(&scene, 2, root).await);
    assert_eq!(decide(&scene, 3).await, 0);
    assert_eq!(state(&scene, child).await, State::Pending);
    let late = scene.create(at(4), later_child_of(root)).await;
    assert_eq!(state(&scene, late).await, State::Pending);
}

pub async fn a_repeat_with_a_cascade_closes_the_tree_of_what_was_canceled_without(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    let child = scene.create(at(0), later_child_of(root)).await;
    let first = canceled(scene.cancel(at(1), root).await);
    let another = PrincipalName::new("another").expect("a principal");
    let repeat = CancelRequest {
        actor: another.clone(),
        reason: None,
        ..cascade(root)
    };
    let outcome = scene.cancel_all(at(2), vec![repeat]).await.remove(0);
    let counted = |first| CancelRecord {
        later_count: 1,
        ..first
    };
    assert_eq!(canceled_already(outcome).cancel, first.cancel.map(counted));
    decide(&scene, 3).await;
    let expected = CancelRecord {
        cause: StopCause::Parent,
        requested_at: at(3),
        requested_by: another,
        reason: None,
        later_count: 0,
        later: Vec::new(),
    };
    assert_eq!(scene.record(child).await.cancel, Some(expected));
    // Whoever closes it again says nothing new.
    canceled_already(close(&scene, 4, root).await);
    assert_eq!(decide(&scene, 5).await, 0);
    let late = scene.create(at(6), child_of(root)).await;
    assert_eq!(
        scene
            .record(late)
            .await
            .cancel
            .and_then(|cancel| cancel.reason),
        None
    );
}

pub async fn an_execution_may_say_that_its_cancel_cascades(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let closing = |mut new: NewExecution| {
        new.options.cancel_children = true;
        new
    };
    let root = scene.create(at(0), closing(later())).await;
    let child = scene.create(at(0), later_child_of(root)).await;
    assert!(scene.record(root).await.options.cancel_children);
    assert!(!scene.record(child).await.options.cancel_children);
    canceled(scene.cancel_all(at(1), vec![by_id(root)]).await.remove(0));
    decide(&scene, 2).await;
    assert_eq!(scene.record(child).await.cancel, Some(by_parent(2)));
}

pub async fn a_cascade_by_key_closes_what_is_not_created_yet(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let by_key = CancelRequest {
        cascade: true,
        ..by_key("k")
    };
    canceled(scene.cancel_all(at(0), vec![by_key]).await.remove(0));
    let root = replayed(scene.submit(at(1), keyed("k", 1)).await)
        .summary
        .id;
    let child = scene.create(at(2), child_of(root)).await;
    assert_eq!(scene.record(child).await.cancel, Some(by_parent(2)));
}

pub async fn a_tombstone_takes_its_family_from_its_create(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), job()).await;
    canceled(scene.cancel_all(at(0), vec![by_key("k")]).await.remove(0));
    let mut new = NewExecution {
        parent: Some(root),
        ..keyed("k", 1)
    };
    new.options.cancel_children = true;
    let record = replayed(scene.submit(at(1), new).await);
    assert_eq!(record.family, Some((root, root)));
    // It would have canceled its children, and it is canceled.
    let child = scene.create(at(2), child_of(record.summary.id)).await;
    assert_eq!(scene.record(child).await.cancel, Some(by_parent(2)));
}

pub async fn a_descendant_that_ends_first_has_its_own_outcome(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), later()).await;
    let (worker, grant) = scene.running(at(0), child_of(root)).await;
    canceled(close(&scene, 1, root).await);
    let verdict = scene.finish(&worker, at(2), succeeded(grant.fence)).await;
    assert_eq!(verdict, HandInVerdict::Applied);
    decide(&scene, 3).await;
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(record.summary.standing.state, State::Succeeded);
    assert_eq!(record.cancel, None);
}

pub async fn an_attempt_that_is_lost_below_a_closed_tree_is_not_tried_again(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), later()).await;
    let mut new = child_of(root);
    new.options.retry.backoff.initial_ms = 0;
    new.options.retry.backoff.max_ms = 0;
    let (worker, grant) = scene.running(at(0), new).await;
    canceled(close(&scene, 1, root).await);
    scene.finish(&worker, at(2), failed(grant.fence)).await;
    let served = scene.served(at(3), worker.next_claim(1)).await;
    assert_eq!(granted(&served.grants), []);
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(record.cancel, Some(by_parent(3)));
    assert_eq!(record.attempts.len(), 1);
}

pub async fn each_descendant_has_a_stop_record_of_its_own(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), later()).await;
    let worker = scene.worker(at(0), 2).await;
    scene
        .create_all(at(0), vec![child_of(root), child_of(root)])
        .await;
    let grants = scene.claim(&worker, at(0), 2).await;
    canceled(close(&scene, 1, root).await);
    decide(&scene, 2).await;
    let ended = StopEvent::Ended(How::Terminated);
    let first = grants[0].fence;
    scene.report(&worker, at(9), stage(first, ended)).await;
    let status = async |index: usize| {
        let record = scene.record(grants[index].fence.execution).await;
        stop_of(&record).status
    };
    assert_eq!(
        (status(0).await, status(1).await),
        (StopStatus::Stopped, StopStatus::Requested)
    );
}

pub async fn slices_are_bounded_and_go_on_after_a_restart(h: &mut impl SchedulerHarness) {
    let mut scene = Scene::of(h);
    let root = scene.create(at(0), later()).await;
    let children = vec![later_child_of(root); 7];
    let children = scene.create_all(at(0), children).await;
    let mut all = children.clone();
    for child in &children {
        all.extend(
            scene
                .create_all(at(0), vec![later_child_of(*child); 3])
                .await,
        );
    }
    canceled(close(&scene, 1, root).await);
    let mut decided = 0;
    loop {
        scene = scene.reopened(h).await;
        let tick = scene.store.decide_descendants(at(2), 4).await;
        let moved = tick.expect("the tick is served").moved;
        assert!(moved <= 4, "a slice has its limit");
        let mut now = 0;
        for id in &all {
            now += u32::from(state(&scene, *id).await == State::Canceled);
        }
        assert!(now <= decided + 4);
        decided = now;
        if moved == 0 {
            break;
        }
    }
    assert_eq!(decided, 28);
}

pub async fn a_closed_tree_stays_closed_over_a_restart(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let root = scene.create(at(0), later()).await;
    let child = scene.create(at(0), child_of(root)).await;
    canceled(close(&scene, 1, root).await);
    let scene = scene.reopened(h).await;
    let worker = scene.worker(at(2), 9).await;
    assert_eq!(granted(&scene.claim(&worker, at(2), 9).await), []);
    assert_eq!(scene.record(child).await.cancel, Some(by_parent(2)));
    let born = scene.create(at(3), child_of(root)).await;
    assert_eq!(scene.record(born).await.cancel, Some(by_parent(3)));
}

pub async fn a_parent_is_kept_as_long_as_its_children(h: &impl SchedulerHarness) {
    const DAY_MS: u64 = 86_400_000;
    let scene = Scene::of(h);
    let retention = taskpilot_domain::retention::Retention { history_ms: DAY_MS };
    let root = scene.create(at(0), job()).await;
    let child = scene.create(at(0), child_of(root)).await;
    canceled(scene.cancel(at(1), root).await);
    let forget = async |ms| {
        let slice = scene.store.forget(at(ms), retention, 100).await;
        slice.expect("the slice is served").rows
    };
    let is_there = async |id| {
        let found = scene.store.get_execution(&super::words::home(), id).await;
        found.expect("it is served").is_some()
    };
    assert_eq!(forget(3 * DAY_MS).await, 0, "its child lives");
    canceled(close(&scene, 4 * DAY_MS, child).await);
    assert_eq!(forget(6 * DAY_MS).await, 1, "the child");
    assert!(!is_there(child).await);
    assert!(is_there(root).await);
    assert_eq!(forget(6 * DAY_MS).await, 1, "then its parent");
    assert!(!is_there(root).await);
}

pub async fn a_claim_and_a_cascade_leave_no_lease_without_an_order(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for round in 0..20_u64 {
        let ms = round * 10;
        let root = scene.create(at(ms), later()).await;
        let children = vec![child_of(root); 8];
        let children = scene.create_all(at(ms), children).await;
        let worker = scene.worker(at(ms), 8).await;
        let (outcome, grants) = tokio::join!(
            close(&scene, ms + 1, root),
            scene.claim(&worker, at(ms + 1), 8),
        );
        canceled(outcome);
        // Whoever was granted before the verdict is stopped, and nobody after it.
        assert_eq!(granted(&scene.claim(&worker, at(ms + 2), 8).await), []);
        decide(&scene, ms + 3).await;
        for id in children {
            assert_eq!(state(&scene, id).await, State::Canceled);
        }
        assert_eq!(scene.orders(&worker).await.len(), grants.len());
        scene.goodbye(&worker, at(ms + 4), Vec::new()).await;
    }
}
