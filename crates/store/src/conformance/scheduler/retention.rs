//! Retention: what is final for long is forgotten whole, and nothing that somebody still needs.

use std::sync::Arc;

use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::limits::RETENTION_BYTES_MAX;
use taskpilot_domain::retention::Retention;
use taskpilot_domain::stop::{How, StopEvent};

use super::scene::Scene;
use super::words::{
    AT_ONCE, at, by_key, canceled, created, failed, hasty, home, job, job_with, keyed,
    keyed_long_ago, replayed, stage, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::attempts::OutputTail;
use crate::rows::executions::{CancelOutcome, CreateOutcome};
use crate::rows::sessions::{HandIn, HandInOutcome, HandInVerdict};
use crate::scheduler::Forgotten;

const DAY_MS: u64 = 86_400_000;
/// A history of ten days.
const TEN_DAYS: Retention = Retention {
    history_ms: 10 * DAY_MS,
};

async fn forget(scene: &Scene, ms: u64, limit: u32) -> Forgotten {
    let slice = scene.store.forget(at(ms), TEN_DAYS, limit).await;
    slice.expect("the slice is served")
}

async fn is_gone(scene: &Scene, id: ExecutionId) -> bool {
    let found = scene.store.get_execution(&home(), id).await;
    found.expect("it is served").is_none()
}

/// All that may go at an instant; how many rows.
async fn forget_all(scene: &Scene, ms: u64) -> u32 {
    let mut rows = 0;
    loop {
        let slice = forget(scene, ms, 100).await;
        rows += slice.rows;
        if !slice.more {
            return rows;
        }
    }
}

pub async fn history_is_kept_for_its_time_and_then_forgotten_whole(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    scene.finish(&worker, at(5), failed(grant.fence)).await;
    let grant = scene.claim_one(&worker, at(6)).await;
    scene.finish(&worker, at(7), succeeded(grant.fence)).await;
    let id = grant.fence.execution;
    assert_eq!(forget_all(&scene, 10 * DAY_MS + 7).await, 0);
    scene.record(id).await;
    assert_eq!(forget_all(&scene, 10 * DAY_MS + 8).await, 1);
    assert!(is_gone(&scene, id).await);
    let listed = scene.store.find_executions(&home(), vec![id]).await;
    assert!(listed.expect("it is served").is_empty());
    let outcome = scene.cancel(at(10 * DAY_MS + 9), id).await;
    assert!(matches!(outcome, CancelOutcome::Missing), "{outcome:?}");
    let verdict = scene
        .finish(&worker, at(10 * DAY_MS + 9), succeeded(grant.fence))
        .await;
    assert_eq!(verdict, HandInVerdict::Stale, "nobody knows it any more");
    assert_eq!(forget_all(&scene, 10 * DAY_MS + 9).await, 0);
}

pub async fn what_lives_is_never_forgotten_and_does_not_hide_what_is_behind(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let later = job_with(|job| job.options.scheduled_for = Some(at(300 * DAY_MS)));
    let living = scene.create_all(at(0), vec![later; 450]).await;
    let done = scene.done(at(1)).await;
    let ready = scene.create(at(2), job()).await;
    assert_eq!(forget_all(&scene, 100 * DAY_MS).await, 1);
    assert!(is_gone(&scene, done).await);
    for id in [living[0], living[449], ready] {
        scene.record(id).await;
    }
}

pub async fn an_open_stop_keeps_its_execution(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 10).await;
    assert_eq!(forget_all(&scene, 30 * DAY_MS).await, 0);
    scene.record(grant.fence.execution).await;
    let stopped = stage(grant.fence, StopEvent::Ended(How::NeverStarted));
    scene.report(&worker, at(30 * DAY_MS), stopped).await;
    assert_eq!(forget_all(&scene, 30 * DAY_MS + 1).await, 1);
}

pub async fn forgetting_is_bounded_by_its_limit(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for id in scene.create_all(at(0), vec![job(); 5]).await {
        canceled(scene.cancel(at(1), id).await);
    }
    let mut slices = Vec::new();
    for _ in 0..4 {
        slices.push(forget(&scene, 30 * DAY_MS, 2).await.rows);
    }
    assert_eq!(slices, [2, 2, 1, 0]);
}

pub async fn forgetting_is_bounded_by_the_bytes_that_go(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let half = usize::try_from(RETENTION_BYTES_MAX / 2).expect("a size");
    let text = "x".repeat(half);
    let json: Arc<str> = format!("\"{text}\"").into();
    let large = [
        (json.clone(), json.clone(), String::new()),
        (Arc::from("1"), json.clone(), text.clone()),
        (json, Arc::from("1"), text),
    ];
    for (payload, result, stdout) in large {
        let new = job_with(|job| job.payload = payload);
        let (worker, grant) = scene.running(at(0), new).await;
        let output = OutputTail {
            stdout,
            ..OutputTail::default()
        };
        let item = HandIn {
            outcome: HandInOutcome::Succeeded(result),
            output: Some(Arc::new(output)),
            ..succeeded(grant.fence)
        };
        scene.finish(&worker, at(1), item).await;
    }
    let mut slices = Vec::new();
    for _ in 0..4 {
        slices.push(forget(&scene, 10 * DAY_MS + 2, 50).await);
    }
    let slice = |rows, more| Forgotten { rows, more };
    let expected = [
        slice(1, true),
        slice(1, true),
        slice(1, true),
        slice(0, false),
    ];
    assert_eq!(slices, expected);
}

pub async fn a_key_outlives_its_execution_and_creates_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = created(scene.submit(at(0), keyed("k", 1)).await).summary.id;
    canceled(scene.cancel(at(1), id).await);
    let tombstone = scene.cancel_all(at(2), vec![by_key("never-seen")]).await;
    assert_eq!(tombstone.len(), 1);
    let now = 20 * DAY_MS;
    assert_eq!(forget_all(&scene, now).await, 2);
    for name in ["k", "never-seen"] {
        let outcome = scene.submit(at(now), keyed(name, 1)).await;
        assert!(matches!(outcome, CreateOutcome::Expired), "{outcome:?}");
        let outcomes = scene.cancel_all(at(now), vec![by_key(name)]).await;
        assert!(
            matches!(outcomes[..], [CancelOutcome::Missing]),
            "{outcomes:?}"
        );
    }
}

pub async fn a_key_is_forgotten_after_its_time_and_a_day(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = created(scene.submit(at(0), keyed("k", 1)).await).summary.id;
    canceled(scene.cancel(at(1), id).await);
    assert_eq!(forget_all(&scene, 20 * DAY_MS).await, 1);
    assert_eq!(forget_all(&scene, 31 * DAY_MS - 1).await, 0);
    assert_eq!(forget_all(&scene, 31 * DAY_MS).await, 1);
    // One that tells its age is refused all the same.
    let old = scene.submit(at(31 * DAY_MS), keyed_long_ago("k", 1)).await;
    assert!(matches!(old, CreateOutcome::Expired), "{old:?}");
    created(scene.submit(at(31 * DAY_MS), keyed("k", 1)).await);
}

pub async fn the_key_of_what_lives_is_kept_however_old(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let first = created(scene.submit(at(0), keyed("k", 1)).await).summary.id;
    assert_eq!(forget_all(&scene, 300 * DAY_MS).await, 0);
    let again = replayed(scene.submit(at(300 * DAY_MS), keyed("k", 1)).await);
    assert_eq!(again.summary.id, first);
}

pub async fn sessions_that_ended_long_ago_are_forgotten(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (lost, grant) = scene.running(at(0), hasty(3)).await;
    scene
        .store
        .end_session(at(1), lost.session, Vec::new(), AT_ONCE)
        .await
        .expect("it is served")
        .expect("it is known");
    let living = scene.worker(at(2), 1).await;
    assert_eq!(forget_all(&scene, 11 * DAY_MS + 1).await, 0);
    assert_eq!(forget_all(&scene, 11 * DAY_MS + 2).await, 1);
    let sessions = scene.sessions().await;
    assert_eq!(
        sessions.iter().map(|one| one.id).collect::<Vec<_>>(),
        [living.session.id]
    );
    // What it once held lives on, and shows the attempt.
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(record.attempts[0].worker.as_str(), "-");
}
