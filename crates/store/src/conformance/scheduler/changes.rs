//! Hints about changes: whoever waits is woken.

use std::sync::Arc;
use std::time::Duration;

use taskpilot_domain::cleanup::CleanupTerms;
use taskpilot_domain::stop::{How, StopEvent};
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::queues::{pause, resume, steer};
use super::scene::Scene;
use super::words::{
    at, canceled, canceled_already, failed, hasty, held, home, job, job_with, kind, queue,
    released, session, stage, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::changes::Change;
use crate::rows::sessions::NewSession;

/// Far more than a hint takes; a case that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Watch(broadcast::Receiver<Arc<[Change]>>);

impl Watch {
    fn of(scene: &Scene) -> Self {
        Self(scene.store.changes())
    }

    /// Waits for `wanted`; answers what else was said until then.
    async fn sees(&mut self, wanted: &Change) -> Vec<Change> {
        let mut seen = Vec::new();
        loop {
            let Ok(commit) = timeout(PATIENCE, self.0.recv()).await else {
                panic!("{wanted:?} was never said, only {seen:?}");
            };
            seen.extend_from_slice(&commit.expect("a receiver that keeps up"));
            if seen.contains(wanted) {
                return seen;
            }
        }
    }
}

fn ready(kind_name: &str) -> Change {
    Change::Ready {
        namespace: home(),
        queue: queue("default"),
        kind: kind(kind_name),
    }
}

pub async fn a_create_that_is_due_is_said_to_be_ready(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut watch = Watch::of(&scene);
    let new = job_with(|job| job.options.queue = queue("mail"));
    scene.create(at(0), new).await;
    let wanted = Change::Ready {
        namespace: home(),
        queue: queue("mail"),
        kind: kind("job"),
    };
    watch.sees(&wanted).await;
}

pub async fn what_is_not_due_is_not_ready_before_its_promotion(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut watch = Watch::of(&scene);
    let later = job_with(|job| job.options.scheduled_for = Some(at(1_000)));
    scene.create(at(0), later).await;
    let marker = job_with(|job| job.kind = kind("marker"));
    scene.create(at(1), marker).await;
    let seen = watch.sees(&ready("marker")).await;
    assert!(!seen.contains(&ready("job")), "{seen:?}");
    scene.promote(at(1_000)).await;
    watch.sees(&ready("job")).await;
}

pub async fn what_is_given_back_is_ready_again(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let mut watch = Watch::of(&scene);
    scene.finish(&worker, at(1), released(grant.fence)).await;
    watch.sees(&ready("job")).await;
}

pub async fn a_retry_is_ready_when_it_is_promoted_at_the_latest(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    let mut watch = Watch::of(&scene);
    scene.finish(&worker, at(1), failed(grant.fence)).await;
    scene.promote(at(2)).await;
    watch.sees(&ready("job")).await;
}

pub async fn a_goodbye_makes_ready_what_never_started(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let mut watch = Watch::of(&scene);
    scene.goodbye(&worker, at(1), vec![held(&grant)]).await;
    watch.sees(&ready("job")).await;
}

pub async fn a_heartbeat_makes_ready_what_was_lost(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, _grant) = scene.running(at(0), job()).await;
    let mut watch = Watch::of(&scene);
    scene.beat(at(1), worker.beat(&[])).await;
    watch.sees(&ready("job")).await;
}

pub async fn a_blocked_retry_is_ready_once_its_stop_is_proven(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut new = hasty(3);
    new.options.attempt_timeout_ms = Some(1_000);
    let (worker, grant) = scene.running(at(0), new).await;
    scene.time_out(at(1_001)).await;
    let mut watch = Watch::of(&scene);
    let proof = stage(grant.fence, StopEvent::Ended(How::Killed));
    scene.report(&worker, at(1_002), proof).await;
    scene.promote(at(1_002)).await;
    watch.sees(&ready("job")).await;
}

pub async fn a_cancel_of_running_work_tells_its_session_and_its_watchers(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let mut watch = Watch::of(&scene);
    let mut other = Watch::of(&scene);
    scene.cancel(at(1), grant.fence.execution).await;
    watch.sees(&Change::Orders(worker.session.id)).await;
    other.sees(&Change::Execution(grant.fence.execution)).await;
}

pub async fn a_verdict_is_told_to_its_watchers(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let waiting = scene
        .create(at(0), job_with(|job| job.kind = kind("x")))
        .await;
    let (worker, grant) = scene.running(at(0), job()).await;
    let mut watch = Watch::of(&scene);
    scene.cancel(at(1), waiting).await;
    watch.sees(&Change::Execution(waiting)).await;
    scene.finish(&worker, at(2), succeeded(grant.fence)).await;
    watch.sees(&Change::Execution(grant.fence.execution)).await;
}

pub async fn an_unconfirmed_order_is_told_again_by_a_repeated_cancel(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1).await;
    let mut watch = Watch::of(&scene);
    canceled_already(scene.cancel(at(2), grant.fence.execution).await);
    watch.sees(&Change::Orders(worker.session.id)).await;
}

pub async fn each_move_of_a_stop_is_told_to_its_watchers(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1).await;
    let events = [
        StopEvent::Delivered,
        StopEvent::Acknowledged,
        StopEvent::Ended(How::Terminated),
    ];
    for event in events {
        let mut watch = Watch::of(&scene);
        scene
            .report(&worker, at(2), stage(grant.fence, event))
            .await;
        watch.sees(&Change::Execution(grant.fence.execution)).await;
    }
}

pub async fn timeouts_and_deadlines_tell_the_session(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let timed = job_with(|job| job.options.attempt_timeout_ms = Some(1_000));
    let (worker, _grant) = scene.running(at(0), timed).await;
    let mut watch = Watch::of(&scene);
    scene.time_out(at(1_001)).await;
    watch.sees(&Change::Orders(worker.session.id)).await;
    let until = job_with(|job| job.options.deadline = Some(at(1_000)));
    let (worker, _grant) = scene.running(at(0), until).await;
    scene.pass_deadlines(at(1_001)).await;
    watch.sees(&Change::Orders(worker.session.id)).await;
}

pub async fn an_expiry_tells_the_watchers_of_what_it_presumes(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    canceled(scene.cancel(at(1), grant.fence.execution).await);
    let mut watch = Watch::of(&scene);
    assert!(scene.expire(worker.registered.lease_until.plus_ms(1)).await > 0);
    watch.sees(&Change::Execution(grant.fence.execution)).await;
}

pub async fn a_resume_tells_of_a_cleanup_that_waited(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let terms = CleanupTerms::new(5_000, 1).expect("these are within their limits");
    let cleaner = NewSession {
        cleanups: vec![(kind("job"), terms)],
        ..session(1)
    };
    scene.register(at(0), cleaner).await;
    steer(&scene, at(1), "default", pause()).await;
    let id = scene.create(at(2), job()).await;
    canceled(scene.cancel(at(3), id).await);
    let mut watch = Watch::of(&scene);
    steer(&scene, at(4), "default", resume()).await;
    watch.sees(&ready("job")).await;
}
