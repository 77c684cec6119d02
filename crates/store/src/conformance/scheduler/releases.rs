//! Releases: what a stop holds, for every status, and who may free it before its end is known.

use taskpilot_domain::execution::Phase;
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use taskpilot_domain::limits::{KILL_MS, LEASE_MS};
use taskpilot_domain::names::PrincipalName;
use taskpilot_domain::stop::{How, StopEvent, StopStatus};
use taskpilot_domain::time::Timestamp;

use super::queues::{limit, steer, told};
use super::scene::{Scene, Worker};
use super::words::{
    abroad, at, granted, hasty, held, home, job, job_with, nobodys_execution, queue, session,
    somebody, stage, stop_of, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::{ExecutionRecord, Grant, NewExecution};
use crate::rows::sessions::HeartbeatOutcome;
use crate::rows::stops::{ReleaseOutcome, ReleaseRecord, ReleaseRequest};

fn request(id: ExecutionId) -> ReleaseRequest {
    ReleaseRequest {
        namespace: home(),
        id,
        reference: None,
        attempt: None,
        actor: somebody(),
        reason: "looked at it".into(),
    }
}

pub(super) async fn release(
    scene: &Scene,
    now: Timestamp,
    request: ReleaseRequest,
) -> ReleaseOutcome {
    let outcome = scene.store.release_stuck(now, request).await;
    outcome.expect("the release is served")
}

/// The release of whoever asks first.
pub(super) async fn release_of(scene: &Scene, now: Timestamp, id: ExecutionId) -> ReleaseOutcome {
    release(scene, now, request(id)).await
}

#[track_caller]
fn freed(outcome: ReleaseOutcome) -> ExecutionRecord {
    match outcome {
        ReleaseOutcome::Released(record) => record,
        other => panic!("not released: {other:?}"),
    }
}

#[track_caller]
fn already(outcome: ReleaseOutcome) -> ExecutionRecord {
    match outcome {
        ReleaseOutcome::Already(record) => record,
        other => panic!("not released before: {other:?}"),
    }
}

#[track_caller]
fn status_that_refuses(outcome: ReleaseOutcome) -> Option<StopStatus> {
    match outcome {
        ReleaseOutcome::Refused(status) => status,
        other => panic!("not refused: {other:?}"),
    }
}

/// An execution whose first attempt ran too long, in a queue of its own that holds one attempt.
struct Blocked {
    worker: Worker,
    grant: Grant,
    /// Another worker with a free slot.
    other: Worker,
    /// Another execution, which waits for the place.
    waiting: ExecutionId,
    name: String,
}

impl Blocked {
    async fn of(scene: &Scene, begin: u64) -> Self {
        let name = format!("q{begin}");
        let here = |mut new: NewExecution| {
            new.options.queue = queue(&name);
            new
        };
        let mut first = hasty(3);
        first.options.attempt_timeout_ms = Some(1_000);
        scene.create(at(begin), here(first)).await;
        steer(scene, at(begin), &name, limit(1)).await;
        let mut own = session(1);
        own.queues = vec![queue(&name)];
        let worker = scene.register(at(begin), own).await;
        let grant = scene.claim_one(&worker, at(begin)).await;
        let waiting = scene.create(at(begin + 1), here(job())).await;
        assert_eq!(scene.time_out(at(begin + 1_001)).await, 1);
        let mut own = session(1);
        own.queues = vec![queue(&name)];
        let other = scene.register(at(begin + 1_001), own).await;
        Self {
            worker,
            grant,
            other,
            waiting,
            name,
        }
    }

    fn id(&self) -> ExecutionId {
        self.grant.fence.execution
    }

    async fn hear(&self, scene: &Scene, now: u64, event: StopEvent) {
        let report = stage(self.grant.fence, event);
        scene.report(&self.worker, at(now), report).await;
    }

    async fn is_held(&self, scene: &Scene, now: u64) {
        let standing = scene.standing(self.id()).await;
        assert!(standing.stop_unproven);
        assert_eq!(standing.phase(at(now)), Some(Phase::Blocked));
        let counts = told(scene, &self.name).await.counts;
        assert_eq!((counts.running, counts.stopping, counts.blocked), (0, 1, 1));
        assert_eq!(scene.session(&self.worker).await.stopping, 1);
        scene.promote(at(now)).await;
        for worker in [&self.worker, &self.other] {
            assert_eq!(granted(&scene.claim(worker, at(now), 1).await), []);
        }
    }

    /// Its place is free for the other execution, then for its own next attempt.
    async fn is_free(&self, scene: &Scene, now: u64, slot: &Worker) {
        let standing = scene.standing(self.id()).await;
        assert!(!standing.stop_unproven);
        let counts = told(scene, &self.name).await.counts;
        assert_eq!((counts.running, counts.stopping, counts.blocked), (0, 0, 0));
        assert_eq!(scene.session(&self.worker).await.stopping, 0);
        scene.promote(at(now)).await;
        let next = scene.claim_one(slot, at(now)).await;
        assert_eq!(next.fence.execution, self.waiting);
        assert_eq!(
            granted(&scene.claim(&self.other, at(now), 1).await),
            [],
            "one place"
        );
        scene.finish(slot, at(now), succeeded(next.fence)).await;
        let again = scene.claim_one(slot, at(now)).await;
        let retry = (again.fence.execution, again.fence.attempt);
        assert_eq!(retry, (self.id(), AttemptNumber(2)));
        scene.finish(slot, at(now), succeeded(again.fence)).await;
    }
}

/// How far a stop has come, and what brings it there.
type Course = (StopStatus, &'static [StopEvent]);

const STUCK: Course = (StopStatus::Stuck, &[StopEvent::Unkillable]);
const COURSES: [Course; 6] = [
    (StopStatus::Requested, &[]),
    (StopStatus::Delivered, &[StopEvent::Delivered]),
    (StopStatus::Acknowledged, &[StopEvent::Acknowledged]),
    (StopStatus::Abandoned, &[StopEvent::GaveUp]),
    STUCK,
    // By the loop that looks for what is overdue.
    (StopStatus::Stuck, &[StopEvent::Overdue]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Proven,
    Presumed,
    Released,
}

async fn brought_to(scene: &Scene, begin: u64, course: Course) -> (Blocked, u64) {
    let (status, events) = course;
    let blocked = Blocked::of(scene, begin).await;
    let mut now = begin + 2_000;
    for event in events {
        if *event == StopEvent::Overdue {
            let fence = [blocked.grant.fence];
            scene
                .keep_alive(&blocked.worker, at(begin + 25_000), &fence)
                .await;
            scene
                .keep_alive(&blocked.other, at(begin + 25_000), &[])
                .await;
            now = begin + LEASE_MS + 10_000 + KILL_MS + 1;
            assert_eq!(scene.flag_overdue(at(now)).await, 1);
        } else {
            blocked.hear(scene, now, *event).await;
        }
    }
    let stop = stop_of(&scene.record(blocked.id()).await);
    assert_eq!(stop.status, status);
    (blocked, now)
}

pub async fn slot_place_and_retry_are_held_until_a_stop_is_proven_presumed_or_released(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let mut begin = 0;
    for course in COURSES {
        for end in [End::Proven, End::Presumed, End::Released] {
            begin += 100_000;
            let (blocked, now) = brought_to(&scene, begin, course).await;
            blocked.is_held(&scene, now).await;
            let slot = match end {
                End::Proven => {
                    let proof = StopEvent::Ended(How::Killed);
                    blocked.hear(&scene, now + 1, proof).await;
                    &blocked.worker
                }
                End::Presumed => {
                    scene
                        .goodbye(&blocked.worker, at(now + 1), Vec::new())
                        .await;
                    &blocked.other
                }
                End::Released => {
                    let outcome = release_of(&scene, at(now + 1), blocked.id()).await;
                    let status = course.0;
                    if !matches!(status, StopStatus::Abandoned | StopStatus::Stuck) {
                        assert_eq!(status_that_refuses(outcome), Some(status));
                        blocked.is_held(&scene, now + 1).await;
                        continue;
                    }
                    freed(outcome);
                    &blocked.worker
                }
            };
            blocked.is_free(&scene, now + 1, slot).await;
        }
    }
}

pub async fn the_first_release_stands_and_its_repeat_is_answered_alike(
    h: &mut impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    let id = grant.fence.execution;
    let stuck = stage(grant.fence, StopEvent::Unkillable);
    scene.report(&worker, at(200), stuck).await;
    let first = freed(release_of(&scene, at(300), id).await);
    let released = Some(ReleaseRecord {
        at: at(300),
        by: somebody(),
        reason: "looked at it".into(),
    });
    assert_eq!(stop_of(&first).released, released);
    let repeat = ReleaseRequest {
        actor: PrincipalName::new("another").expect("a principal"),
        reason: "me too".into(),
        ..request(id)
    };
    let again = already(release(&scene, at(400), repeat.clone()).await);
    assert_eq!(format!("{again:?}"), format!("{first:?}"));
    let scene = scene.reopened(h).await;
    let kept = stop_of(&scene.record(id).await);
    assert_eq!(
        (kept.status, kept.ended_at, kept.released.clone()),
        (StopStatus::Stuck, None, released.clone()),
        "never shown as an end"
    );
    let proof = stage(grant.fence, StopEvent::Ended(How::Killed));
    scene.report(&worker, at(500), proof).await;
    let proven = already(release(&scene, at(600), repeat).await);
    let stop = stop_of(&proven);
    assert_eq!(
        (stop.status, stop.ended_at, stop.released),
        (StopStatus::Stopped, Some(at(500)), released)
    );
}

pub async fn what_was_released_is_freed_once_whatever_becomes_known(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for (begin, presumed) in [(0, false), (100_000, true)] {
        let (blocked, now) = brought_to(&scene, begin, STUCK).await;
        freed(release_of(&scene, at(now + 1), blocked.id()).await);
        let next = scene.claim_one(&blocked.other, at(now + 2)).await;
        assert_eq!(next.fence.execution, blocked.waiting);
        if presumed {
            scene
                .goodbye(&blocked.worker, at(now + 3), Vec::new())
                .await;
        } else {
            let proof = StopEvent::Ended(How::Killed);
            blocked.hear(&scene, now + 3, proof).await;
        }
        let counts = told(&scene, &blocked.name).await.counts;
        assert_eq!((counts.running, counts.stopping), (1, 0));
        let stop = stop_of(&scene.record(blocked.id()).await);
        let expected = if presumed {
            StopStatus::Presumed
        } else {
            StopStatus::Stopped
        };
        assert_eq!(stop.status, expected);
        let mut own = session(1);
        own.queues = vec![queue(&blocked.name)];
        let third = scene.register(at(now + 4), own).await;
        assert_eq!(
            granted(&scene.claim(&third, at(now + 4), 1).await),
            [],
            "the place was given once"
        );
    }
}

pub async fn what_was_released_is_still_to_be_ended_by_its_worker(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (blocked, now) = brought_to(&scene, 0, STUCK).await;
    freed(release_of(&scene, at(now), blocked.id()).await);
    let orders = scene.orders(&blocked.worker).await;
    assert_eq!(orders.len(), 1, "it may never have been heard of");
    let session = scene.session(&blocked.worker).await;
    assert_eq!((session.stopping, session.released), (0, 1));
    let beat = blocked.worker.beat(&[held(&blocked.grant)]);
    let beaten = scene.beat(at(now + 1), beat).await;
    let HeartbeatOutcome::Renewed { lost, orders, .. } = beaten else {
        panic!("it is renewed: {beaten:?}");
    };
    assert_eq!((lost, orders.len()), (vec![], 1), "it holds it rightly");
    let proof = StopEvent::Ended(How::Terminated);
    blocked.hear(&scene, now + 2, proof).await;
    let session = scene.session(&blocked.worker).await;
    assert_eq!((session.stopping, session.released), (0, 0));
}

pub async fn a_release_names_its_execution_and_its_attempt(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let nobody = release_of(&scene, at(0), nobodys_execution()).await;
    assert!(matches!(nobody, ReleaseOutcome::Missing), "{nobody:?}");
    let fresh = scene
        .create(at(0), job_with(|job| job.kind = super::words::kind("x")))
        .await;
    assert_eq!(
        status_that_refuses(release_of(&scene, at(0), fresh).await),
        None
    );
    let (blocked, now) = brought_to(&scene, 0, STUCK).await;
    let id = blocked.id();
    let foreign = ReleaseRequest {
        namespace: abroad(),
        ..request(id)
    };
    let outcome = release(&scene, at(now), foreign).await;
    assert!(matches!(outcome, ReleaseOutcome::Missing), "{outcome:?}");
    let other = ReleaseRequest {
        reference: Some("task/8".into()),
        ..request(id)
    };
    let outcome = release(&scene, at(now), other).await;
    assert!(
        matches!(outcome, ReleaseOutcome::OtherReference),
        "{outcome:?}"
    );
    let attempt = |number| ReleaseRequest {
        attempt: Some(AttemptNumber(number)),
        ..request(id)
    };
    let outcome = release(&scene, at(now), attempt(2)).await;
    assert_eq!(status_that_refuses(outcome), None);
    blocked.is_held(&scene, now).await;
    freed(release(&scene, at(now), attempt(1)).await);
    // The next attempt runs, then is stopped: a repeat of the release is about the one before.
    let waiting = scene.claim_one(&blocked.other, at(now)).await;
    scene
        .finish(&blocked.other, at(now), succeeded(waiting.fence))
        .await;
    let second = scene.claim_one(&blocked.other, at(now)).await;
    assert_eq!(second.fence.execution, id);
    already(release_of(&scene, at(now + 1), id).await);
    scene.cancel(at(now + 2), id).await;
    already(release(&scene, at(now + 3), attempt(1)).await);
    let outcome = release_of(&scene, at(now + 3), id).await;
    assert_eq!(status_that_refuses(outcome), Some(StopStatus::Requested));
}

pub async fn a_release_and_a_proof_free_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for round in 0..20 {
        let (blocked, now) = brought_to(&scene, round * 100_000, STUCK).await;
        let proof = StopEvent::Ended(How::Killed);
        let (outcome, ()) = tokio::join!(
            release_of(&scene, at(now + 1), blocked.id()),
            blocked.hear(&scene, now + 1, proof)
        );
        let stop = stop_of(&scene.record(blocked.id()).await);
        assert_eq!(stop.status, StopStatus::Stopped);
        match outcome {
            ReleaseOutcome::Released(_) => assert!(stop.released.is_some()),
            ReleaseOutcome::Refused(Some(StopStatus::Stopped)) => assert!(stop.released.is_none()),
            other => panic!("released or proven first: {other:?}"),
        }
        blocked.is_free(&scene, now + 1, &blocked.worker).await;
    }
}

pub async fn a_session_with_a_stuck_stop_is_granted_nothing_until_that_is_settled_or_released(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    for (round, end) in [End::Proven, End::Released].into_iter().enumerate() {
        let begin = 100_000 * round as u64;
        let worker = scene.register(at(begin), session(5)).await;
        let stuck = scene.create(at(begin), job()).await;
        let grant = scene.claim_one(&worker, at(begin)).await;
        scene.cancel(at(begin + 1), stuck).await;
        let waiting = scene.create(at(begin + 1), job()).await;
        let said = stage(grant.fence, StopEvent::Unkillable);
        scene.report(&worker, at(begin + 2), said).await;
        let held = scene.session(&worker).await.held();
        assert_eq!((held.stopping, held.stuck, held.room()), (1, 1, 0));
        assert_eq!(granted(&scene.claim(&worker, at(begin + 3), 1).await), []);
        match end {
            End::Proven => {
                let said = stage(grant.fence, StopEvent::Ended(How::Killed));
                scene.report(&worker, at(begin + 4), said).await;
            }
            End::Released | End::Presumed => {
                freed(release_of(&scene, at(begin + 4), stuck).await);
            }
        }
        assert_eq!(scene.session(&worker).await.held().room(), 5);
        let next = scene.claim_one(&worker, at(begin + 5)).await;
        assert_eq!(next.fence.execution, waiting);
        scene
            .finish(&worker, at(begin + 6), succeeded(next.fence))
            .await;
        scene.goodbye(&worker, at(begin + 7), vec![]).await;
    }
}
