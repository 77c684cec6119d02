//! Queues under limits and pauses: what they grant, hold and tell.

use taskpilot_domain::execution::BlockedBy;
use taskpilot_domain::queue::{
    LastChange, MaxRunning, QueueAction, QueueChange, QueueCounts, Steered,
};
use taskpilot_domain::stop::{How, StopEvent};
use taskpilot_domain::time::Timestamp;

use super::scene::Scene;
use super::words::{
    LONGEST, MANY, abroad, at, failed, granted, home, job, job_with, queue, session, somebody,
    stage, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::queues::{QueueOutcome, QueueRecord, QueueRequest};
use crate::rows::sessions::HandIn;

pub(super) fn limit(count: u32) -> QueueChange {
    change(QueueAction::Limit(Some(
        MaxRunning::new(count).expect("a limit"),
    )))
}

pub(super) fn pause() -> QueueChange {
    change(QueueAction::Pause)
}

pub(super) fn resume() -> QueueChange {
    change(QueueAction::Resume)
}

pub(super) fn change(action: QueueAction) -> QueueChange {
    QueueChange {
        action,
        by: somebody(),
        reason: Some("why".into()),
    }
}

pub(super) async fn steer(
    scene: &Scene,
    now: Timestamp,
    name: &str,
    change: QueueChange,
) -> QueueOutcome {
    let request = QueueRequest {
        namespace: home(),
        name: queue(name),
        change,
    };
    let changed = scene.store.change_queue(now, request).await;
    changed.expect("the change is served")
}

pub(super) async fn told(scene: &Scene, name: &str) -> QueueRecord {
    let all = scene.store.list_queues(&home(), None, MANY).await;
    let mut all = all.expect("the list is served").into_iter();
    all.find(|one| one.name == queue(name))
        .expect("it is listed")
}

pub async fn a_queue_that_was_never_seen_begins_with_its_first_change(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let outcome = steer(&scene, at(0), "new", limit(3)).await;
    assert!(outcome.changed);
    assert_eq!(outcome.queue, told(&scene, "new").await);
    assert_eq!(outcome.queue.counts, QueueCounts::default());
    let theirs = scene.store.list_queues(&abroad(), None, MANY).await;
    assert_eq!(theirs.expect("the list is served"), []);
}

pub async fn queues_are_listed_by_name_page_by_page(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for name in ["b", "c", "a", "C", "b.1"] {
        steer(&scene, at(0), name, pause()).await;
    }
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let (home, after) = (home(), after.map(queue));
        let page = scene.store.list_queues(&home, after, limit).await;
        let page = page.expect("the list is served").into_iter();
        page.map(|queue| queue.name.into()).collect()
    };
    assert_eq!(page(None, 2).await, ["C", "a"]);
    assert_eq!(page(Some("a"), 2).await, ["b", "b.1"]);
    assert_eq!(page(Some("b.1"), 2).await, ["c"]);
    // A place in the order need not be a queue.
    assert_eq!(page(Some("b.0"), 9).await, ["b.1", "c"]);
    assert_eq!(page(Some("c"), 9).await, [""; 0]);
}

pub async fn a_repeated_pause_leaves_who_paused_first(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let first = steer(&scene, at(1), "default", pause()).await;
    let again = QueueChange {
        reason: None,
        ..pause()
    };
    let repeated = steer(&scene, at(2), "default", again).await;
    assert!(first.changed && !repeated.changed);
    assert_eq!(repeated.queue, first.queue);
    assert!(steer(&scene, at(3), "default", resume()).await.changed);
    assert!(!steer(&scene, at(4), "default", resume()).await.changed);
}

pub async fn the_last_change_of_a_queue_is_kept_with_who_and_why(h: &mut impl SchedulerHarness) {
    let mut scene = Scene::of(h);
    let no_limit = change(QueueAction::Limit(None));
    let changes = [
        (pause(), Some((Steered::Paused, 0))),
        (limit(2), Some((Steered::Limited, 1))),
        (limit(2), None),
        (resume(), Some((Steered::Resumed, 3))),
        (no_limit, Some((Steered::Limited, 4))),
        (resume(), None),
    ];
    let mut expected = None;
    for (ms, (change, changed)) in (0..).zip(changes) {
        let (by, reason) = (change.by.clone(), change.reason.clone());
        steer(&scene, at(ms), "default", change).await;
        if let Some((what, ms)) = changed {
            let at = at(ms);
            expected = Some(LastChange {
                what,
                at,
                by,
                reason,
            });
        }
        let found = told(&scene, "default").await.settings.last_change;
        assert_eq!(found, expected);
    }
    scene = scene.reopened(h).await;
    let found = told(&scene, "default").await.settings.last_change;
    assert_eq!(
        found, expected,
        "nothing is held back any more, and it stands"
    );
}

pub async fn a_paused_queue_gives_no_claims_and_takes_all_else(h: &mut impl SchedulerHarness) {
    let mut scene = Scene::of(h);
    let (worker, running) = scene.running(at(0), job()).await;
    steer(&scene, at(1), "default", pause()).await;
    let waits = scene.create(at(1), job()).await;
    let gone = scene.create(at(1), job()).await;
    assert_eq!(
        scene.record(waits).await.summary.held_back,
        Some(BlockedBy::Paused)
    );
    scene.cancel(at(2), gone).await;
    scene.finish(&worker, at(2), succeeded(running.fence)).await;
    assert!(scene.claim(&worker, at(2), 2).await.is_empty());
    scene = scene.reopened(h).await;
    assert!(scene.claim(&worker, at(2), 2).await.is_empty());
    steer(&scene, at(3), "default", resume()).await;
    assert_eq!(granted(&scene.claim(&worker, at(3), 2).await), [waits]);
}

pub async fn a_limit_holds_over_all_claims_and_a_restart(h: &mut impl SchedulerHarness) {
    let mut scene = Scene::of(h);
    let ids = scene.create_all(at(0), vec![job(); 5]).await;
    steer(&scene, at(0), "default", limit(2)).await;
    let (one, other) = (scene.worker(at(0), 9).await, scene.worker(at(0), 9).await);
    let first = scene.claim(&one, at(1), 9).await;
    assert_eq!(granted(&first), ids[..2]);
    assert!(scene.claim(&other, at(1), 9).await.is_empty());
    scene = scene.reopened(h).await;
    assert!(scene.claim(&other, at(1), 9).await.is_empty());
    let full = told(&scene, "default").await.counts;
    assert_eq!((full.running, full.ready), (2, 3));
    assert_eq!(
        scene.record(ids[2]).await.summary.held_back,
        Some(BlockedBy::Limit)
    );
    scene.finish(&one, at(2), succeeded(first[0].fence)).await;
    assert_eq!(granted(&scene.claim(&other, at(2), 9).await), [ids[2]]);
}

pub async fn a_place_is_held_until_the_stop_is_proven(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    steer(&scene, at(0), "default", limit(1)).await;
    let (worker, grant) = scene.running(at(0), job()).await;
    let next = scene.create(at(0), job()).await;
    let other = scene.worker(at(0), 1).await;
    scene.cancel(at(1), grant.fence.execution).await;
    for event in [
        StopEvent::Delivered,
        StopEvent::Acknowledged,
        StopEvent::Unkillable,
    ] {
        assert!(scene.claim(&other, at(2), 1).await.is_empty(), "{event:?}");
        scene
            .report(&worker, at(2), stage(grant.fence, event))
            .await;
    }
    let counts = told(&scene, "default").await.counts;
    assert_eq!((counts.running, counts.stopping), (0, 1));
    assert!(
        scene.claim(&other, at(3), 1).await.is_empty(),
        "STUCK holds it"
    );
    let proof = StopEvent::Ended(How::Killed);
    scene
        .report(&worker, at(4), stage(grant.fence, proof))
        .await;
    assert_eq!(granted(&scene.claim(&other, at(4), 1).await), [next]);
}

pub async fn an_expiry_gives_the_place_back(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    steer(&scene, at(0), "default", limit(1)).await;
    scene.stopping(at(0), 1).await;
    let next = scene.create(at(0), job()).await;
    assert_eq!(scene.expire(at(40_000)).await, 1);
    let other = scene.worker(at(40_000), 1).await;
    assert_eq!(granted(&scene.claim(&other, at(40_000), 1).await), [next]);
}

pub async fn a_full_queue_does_not_hold_up_the_others(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let high = job_with(|job| job.options.priority.0 = 10);
    let low = job_with(|job| job.options.queue = queue("low"));
    let highs = scene.create_all(at(0), vec![high; 5]).await;
    let lows = scene.create_all(at(0), vec![low; 2]).await;
    steer(&scene, at(0), "default", limit(1)).await;
    let mut wide = session(9);
    wide.queues.push(queue("low"));
    let worker = scene.register(at(0), wide).await;
    let grants = granted(&scene.claim(&worker, at(1), 9).await);
    assert_eq!(grants, [highs[0], lows[0], lows[1]]);
}

pub async fn rank_and_age_hold_over_limited_and_free_queues(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut ids = Vec::new();
    for (name, priority) in [("limited", 0), ("free", 0), ("limited", 5), ("free", 9)] {
        let new = job_with(|job| {
            job.options.queue = queue(name);
            job.options.priority.0 = priority;
        });
        ids.push(scene.create(at(0), new).await);
    }
    steer(&scene, at(0), "limited", limit(5)).await;
    let mut wide = session(9);
    wide.queues = ["limited", "free"].map(queue).into();
    let worker = scene.register(at(0), wide).await;
    let first = granted(&scene.claim(&worker, at(1), 1).await);
    let rest = granted(&scene.claim(&worker, at(1), 9).await);
    assert_eq!([first, rest].concat(), [3, 2, 0, 1].map(|index| ids[index]));
}

pub async fn a_lowered_limit_ends_nothing_and_a_raised_one_gives_room(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 6]).await;
    let worker = scene.worker(at(0), 9).await;
    let first = scene.claim(&worker, at(0), 3).await;
    steer(&scene, at(1), "default", limit(1)).await;
    assert_eq!(told(&scene, "default").await.counts.running, 3);
    scene
        .finish(&worker, at(1), succeeded(first[0].fence))
        .await;
    assert!(scene.claim(&worker, at(1), 9).await.is_empty());
    steer(&scene, at(2), "default", limit(4)).await;
    assert_eq!(scene.claim(&worker, at(2), 9).await.len(), 2);
    steer(&scene, at(3), "default", change(QueueAction::Limit(None))).await;
    assert_eq!(scene.claim(&worker, at(3), 9).await.len(), 1);
}

pub async fn a_queue_tells_where_its_executions_stand(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    scene.create_all(at(0), vec![job(); 3]).await;
    scene
        .create(
            at(0),
            job_with(|job| job.options.scheduled_for = Some(at(9_000))),
        )
        .await;
    let failure = HandIn {
        jitter: LONGEST,
        ..failed(grant.fence)
    };
    scene.finish(&worker, at(1), failure).await;
    scene.claim_one(&worker, at(1)).await;
    let expected = QueueCounts {
        ready: 2,
        scheduled: 1,
        backing_off: 1,
        running: 1,
        ..QueueCounts::default()
    };
    assert_eq!(told(&scene, "default").await.counts, expected);
}
