//! Starts that are asked for: told once to the attempt in force, and to none after a cancel.

use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{AttemptNumber, Fence};
use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::stop::{How, StopStatus};
use taskpilot_domain::time::Timestamp;

use super::scene::{Scene, Worker};
use super::words::{
    abroad, at, canceled, failed, fresh_token, hasty, job, released, session, stop_of, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::sessions::{HandIn, HandInVerdict, SessionGone, SessionRef};

const LATE: HandInVerdict = HandInVerdict::Late {
    winner: State::Canceled,
};

async fn ask(
    scene: &Scene,
    now: Timestamp,
    session: SessionRef,
    fences: &[Fence],
) -> Result<Vec<HandInVerdict>, SessionGone> {
    let asked = scene.store.confirm_starts(now, session, fences.to_vec());
    asked.await.expect("the call is served")
}

/// The verdict for one attempt.
pub(super) async fn begin(
    scene: &Scene,
    now: Timestamp,
    worker: &Worker,
    fence: Fence,
) -> HandInVerdict {
    let verdicts = ask(scene, now, worker.session, &[fence]).await;
    let verdicts = verdicts.expect("the session lives");
    assert_eq!(verdicts.len(), 1, "one verdict per item");
    verdicts[0]
}

async fn confirmed_at(scene: &Scene, fence: Fence) -> Option<Timestamp> {
    let record = scene.record(fence.execution).await;
    let mut attempts = record.attempts.iter();
    let own = attempts.find(|attempt| attempt.number == fence.attempt);
    own.expect("the attempt").confirmed_at
}

pub async fn an_attempt_in_force_may_begin_and_a_repeat_is_a_duplicate(
    h: &mut impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let fence = grant.fence;
    assert_eq!(confirmed_at(&scene, fence).await, None);
    let first = begin(&scene, at(5), &worker, fence).await;
    assert_eq!(first, HandInVerdict::Applied);
    let scene = scene.reopened(h).await;
    let again = begin(&scene, at(9), &worker, fence).await;
    assert_eq!(again, HandInVerdict::Duplicate);
    assert_eq!(confirmed_at(&scene, fence).await, Some(at(5)));
    let verdict = scene.finish(&worker, at(20), succeeded(fence)).await;
    assert_eq!(verdict, HandInVerdict::Applied);
    let over = begin(&scene, at(21), &worker, fence).await;
    assert_eq!(over, HandInVerdict::Stale);
    assert_eq!(confirmed_at(&scene, fence).await, Some(at(5)));
}

pub async fn after_a_cancel_nothing_may_begin_not_even_again(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for (begin_ms, asked_before) in [(0, false), (100, true)] {
        let at = |ms: u64| at(begin_ms + ms);
        let (worker, grant) = scene.running(at(0), job()).await;
        let fence = grant.fence;
        if asked_before {
            let first = begin(&scene, at(1), &worker, fence).await;
            assert_eq!(first, HandInVerdict::Applied);
        }
        canceled(scene.cancel(at(2), fence.execution).await);
        assert_eq!(begin(&scene, at(3), &worker, fence).await, LATE);
        let expected = asked_before.then(|| at(1));
        assert_eq!(confirmed_at(&scene, fence).await, expected);
        // And what was never begun is handed back, which is the proof.
        let item = HandIn {
            how: Some(How::NeverStarted),
            ..released(fence)
        };
        assert_eq!(scene.finish(&worker, at(4), item).await, LATE);
        let stop = stop_of(&scene.record(fence.execution).await);
        assert_eq!(
            (stop.status, stop.how),
            (StopStatus::Stopped, Some(How::NeverStarted))
        );
        assert_eq!(begin(&scene, at(5), &worker, fence).await, LATE);
    }
}

pub async fn an_attempt_that_is_over_may_not_begin(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut new = hasty(5);
    new.options.attempt_timeout_ms = Some(1_000);
    let (worker, first) = scene.running(at(0), new).await;
    scene.finish(&worker, at(1), failed(first.fence)).await;
    let second = scene.claim_one(&worker, at(1)).await;
    scene.finish(&worker, at(2), released(second.fence)).await;
    let third = scene.claim_one(&worker, at(2)).await;
    assert_eq!(third.fence.attempt, AttemptNumber(3));
    let asked = [first.fence, second.fence, third.fence];
    let verdicts = ask(&scene, at(3), worker.session, &asked).await;
    let expected = [
        HandInVerdict::Stale,
        HandInVerdict::Stale,
        HandInVerdict::Applied,
    ];
    assert_eq!(verdicts, Ok(expected.to_vec()));
    assert_eq!(scene.time_out(at(1_003)).await, 1);
    let late = begin(&scene, at(1_004), &worker, third.fence).await;
    assert_eq!(late, HandInVerdict::Stale, "it was timed out");
}

pub async fn only_its_own_session_is_told_that_an_attempt_may_begin(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let forged = Fence {
        token: fresh_token(),
        ..grant.fence
    };
    let absent = Fence {
        attempt: AttemptNumber(2),
        ..grant.fence
    };
    let other = scene.worker(at(0), 1).await;
    let mut new = session(1);
    new.namespace = abroad();
    let foreign = scene.register(at(0), new).await;
    for (session, fence) in [
        (&worker, forged),
        (&worker, absent),
        (&other, grant.fence),
        (&foreign, grant.fence),
    ] {
        let verdict = begin(&scene, at(1), session, fence).await;
        assert_eq!(verdict, HandInVerdict::Stale);
    }
    assert_eq!(confirmed_at(&scene, grant.fence).await, None);
    canceled(scene.cancel(at(2), grant.fence.execution).await);
    let verdict = begin(&scene, at(3), &worker, forged).await;
    assert_eq!(verdict, HandInVerdict::Stale, "it tells a stranger nothing");
}

pub async fn a_session_whose_lease_is_over_begins_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let fences = [grant.fence];
    let lapsed = ask(&scene, at(LEASE_MS + 1), worker.session, &fences).await;
    assert_eq!(lapsed, Err(SessionGone::Ended), "before it is expired too");
    assert_eq!(confirmed_at(&scene, grant.fence).await, None);
    assert_eq!(scene.expire(at(LEASE_MS + 2)).await, 1);
    let ended = ask(&scene, at(LEASE_MS + 3), worker.session, &fences).await;
    assert_eq!(ended, Err(SessionGone::Ended));
    let stranger = SessionRef {
        token: fresh_token(),
        ..worker.session
    };
    let unknown = ask(&scene, at(LEASE_MS + 3), stranger, &fences).await;
    assert_eq!(unknown, Err(SessionGone::Unknown));
}

pub async fn of_a_start_and_a_cancel_the_first_one_wins(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for _ in 0..50 {
        let (worker, grant) = scene.running(at(0), job()).await;
        let fence = grant.fence;
        let (verdict, outcome) = tokio::join!(
            begin(&scene, at(1), &worker, fence),
            scene.cancel(at(1), fence.execution)
        );
        canceled(outcome);
        let begun = confirmed_at(&scene, fence).await.is_some();
        let expected = if begun { HandInVerdict::Applied } else { LATE };
        assert_eq!(verdict, expected);
        assert_eq!(begin(&scene, at(2), &worker, fence).await, LATE);
        scene.finish(&worker, at(3), released(fence)).await;
    }
}
