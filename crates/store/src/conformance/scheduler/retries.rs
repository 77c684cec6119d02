//! What follows an attempt that ended without a verdict: back-off, and endings that do not count.

use taskpilot_domain::execution::{AttemptEnd, Phase, Standing, State};
use taskpilot_domain::ids::{AttemptNumber, Fence};
use taskpilot_domain::limits::UNCOUNTED_MAX;
use taskpilot_domain::retry::Backoff;
use taskpilot_domain::time::Timestamp;

use super::scene::{Scene, Worker};
use super::words::{
    AT_ONCE, LONGEST, at, broken, failed, granted, hasty, interrupted, job_with, released,
    succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::NewExecution;
use crate::rows::sessions::{HandIn, HandInVerdict};

fn patient() -> NewExecution {
    job_with(|job| {
        job.options.retry.max_attempts = 4;
        job.options.retry.backoff = Backoff {
            initial_ms: 1_000,
            max_ms: 3_000,
            factor: 2.0,
        };
    })
}

pub async fn a_failure_waits_out_its_back_off_and_is_tried_again(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), patient()).await;
    let id = first.fence.execution;
    let item = HandIn {
        jitter: LONGEST,
        ..failed(first.fence)
    };
    assert_eq!(
        scene.finish(&worker, at(500), item).await,
        HandInVerdict::Applied
    );
    let record = scene.record(id).await;
    let expected = Standing {
        state: State::Pending,
        attempt: AttemptNumber(1),
        attempt_count: 1,
        available_at: at(1_500),
        processing_started_at: Some(at(0)),
        ..Standing::accepted(at(0), patient().options.retry)
    };
    assert_eq!(record.summary.standing, expected);
    assert_eq!(expected.phase(at(1_499)), Some(Phase::BackingOff));
    assert_eq!(record.last_error, Some(broken()));
    assert_eq!(record.summary.completed_at, None);
    assert_eq!(scene.promote(at(1_499)).await, 0);
    assert_eq!(granted(&scene.claim(&worker, at(1_499), 1).await), []);
    assert_eq!(scene.promote(at(1_500)).await, 1);
    let second = scene.claim_one(&worker, at(1_500)).await;
    assert_eq!(
        (second.fence.attempt, second.attempt_count),
        (AttemptNumber(2), 2)
    );
}

pub async fn the_back_off_is_drawn_within_a_bound_that_grows(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, mut grant) = scene.running(at(0), patient()).await;
    let id = grant.fence.execution;
    let mut now = at(0);
    for longest in [1_000, 2_000, 3_000] {
        let item = HandIn {
            jitter: LONGEST,
            ..failed(grant.fence)
        };
        scene.finish(&worker, now, item).await;
        let available_at = scene.standing(id).await.available_at;
        assert_eq!(available_at, now.plus_ms(longest));
        now = available_at;
        scene.promote(now).await;
        grant = scene.claim_one(&worker, now).await;
    }
}

pub async fn a_draw_of_nothing_waits_for_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), patient()).await;
    let item = HandIn {
        jitter: AT_ONCE,
        ..failed(first.fence)
    };
    scene.finish(&worker, at(500), item).await;
    let standing = scene.standing(first.fence.execution).await;
    assert_eq!(standing.available_at, at(500));
    scene.promote(at(500)).await;
    scene.claim_one(&worker, at(500)).await;
}

pub async fn a_release_does_not_count_and_stops_the_clock(h: &impl SchedulerHarness) {
    uncounted_before_any_counted(&Scene::of(h), released, AttemptEnd::Released).await;
}

pub async fn an_interruption_does_not_count_and_stops_the_clock(h: &impl SchedulerHarness) {
    uncounted_before_any_counted(&Scene::of(h), interrupted, AttemptEnd::Interrupted).await;
}

async fn uncounted_before_any_counted(scene: &Scene, item: fn(Fence) -> HandIn, end: AttemptEnd) {
    let (worker, first) = scene.running(at(0), hasty(1)).await;
    let id = first.fence.execution;
    let verdict = scene.finish(&worker, at(10), item(first.fence)).await;
    assert_eq!(verdict, HandInVerdict::Applied);
    let record = scene.record(id).await;
    let expected = Standing {
        attempt: AttemptNumber(1),
        uncounted: 1,
        ..Standing::accepted(at(0), hasty(1).options.retry)
    };
    assert_eq!(record.summary.standing, expected);
    assert_eq!(expected.phase(at(10)), Some(Phase::Ready));
    let attempt = &record.attempts[0];
    assert_eq!(
        (attempt.end, attempt.ended_at, &attempt.error),
        (Some(end), Some(at(10)), &None)
    );
    let repeat = scene.finish(&worker, at(11), item(first.fence)).await;
    assert_eq!(repeat, HandInVerdict::Duplicate);

    let second = scene.claim_one(&worker, at(20)).await;
    assert_eq!(
        (second.fence.attempt, second.attempt_count),
        (AttemptNumber(2), 1)
    );
    let standing = scene.standing(id).await;
    assert_eq!(standing.processing_started_at, Some(at(20)));
    scene.finish(&worker, at(30), succeeded(second.fence)).await;
    let record = scene.record(id).await;
    assert_eq!(record.summary.standing.state, State::Succeeded);
}

pub async fn a_release_after_a_counted_attempt_keeps_the_clock(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), hasty(3)).await;
    let id = first.fence.execution;
    scene.finish(&worker, at(1), failed(first.fence)).await;
    scene.promote(at(2)).await;
    let second = scene.claim_one(&worker, at(2)).await;
    scene.finish(&worker, at(3), released(second.fence)).await;
    let standing = scene.standing(id).await;
    assert_eq!(
        (
            standing.attempt_count,
            standing.uncounted,
            standing.processing_started_at
        ),
        (1, 1, Some(at(0)))
    );
}

pub async fn one_uncounted_ending_too_many_fails_the_execution(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), hasty(3)).await;
    let worker = scene.worker(at(0), 1).await;
    for round in 0..UNCOUNTED_MAX {
        give_back(&scene, &worker, at(u64::from(round)), round).await;
    }
    let standing = scene.standing(id).await;
    assert_eq!(
        (standing.state, standing.uncounted),
        (State::Pending, UNCOUNTED_MAX)
    );
    give_back(&scene, &worker, at(900), 0).await;
    let record = scene.record(id).await;
    let standing = record.summary.standing;
    assert_eq!(
        (standing.state, standing.attempt_count, standing.attempt),
        (State::Failed, 0, AttemptNumber(UNCOUNTED_MAX + 1))
    );
    assert_eq!(record.summary.completed_at, Some(at(900)));
    let code = record.last_error.map(|error| error.code);
    assert_eq!(code.as_deref(), Some("too_many_interruptions"));
    assert_eq!(granted(&scene.claim(&worker, at(901), 1).await), []);
}

/// Claims the only execution and gives it back, in turn unbegun and interrupted.
async fn give_back(scene: &Scene, worker: &Worker, now: Timestamp, round: u32) {
    let grant = scene.claim_one(worker, now).await;
    let item = if round.is_multiple_of(2) {
        released(grant.fence)
    } else {
        interrupted(grant.fence)
    };
    let verdict = scene.finish(worker, now, item).await;
    assert_eq!(verdict, HandInVerdict::Applied);
}
