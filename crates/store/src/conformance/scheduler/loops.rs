//! Ticks of the loops: never early, bounded, and nothing left for a second tick of the same instant.

use taskpilot_domain::execution::{AttemptEnd, Standing, State};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::limits::{KILL_MS, LEASE_MS};
use taskpilot_domain::stop::{StopCause, StopStatus};

use super::scene::Scene;
use super::words::{
    AT_ONCE, LONGEST, assert_same, at, canceled, failed, granted, hasty, job, job_with, stop_of,
    succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::NewExecution;
use crate::rows::sessions::{ClaimOutcome, HandIn, HandInVerdict, HeartbeatOutcome, SessionGone};

pub async fn a_lease_is_never_ended_early(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    let early = scene.store.expire_sessions(at(LEASE_MS - 1), 10, AT_ONCE);
    let early = early.await.expect("the tick is served");
    assert_eq!((early.moved, early.ended), (0, vec![]));

    let tick = scene.store.expire_sessions(at(LEASE_MS + 1), 10, AT_ONCE);
    let tick = tick.await.expect("the tick is served");
    assert_eq!(tick.ended, [worker.session.id]);
    let record = scene.record(grant.fence.execution).await;
    let expected = Standing {
        attempt: AttemptNumber(1),
        attempt_count: 1,
        available_at: at(LEASE_MS + 1),
        processing_started_at: Some(at(0)),
        ..Standing::accepted(at(0), hasty(3).options.retry)
    };
    assert_eq!(record.summary.standing, expected, "it is counted");
    let attempt = &record.attempts[0];
    assert_eq!(
        (attempt.end, attempt.ended_at, &attempt.stop),
        (Some(AttemptEnd::Lost), Some(at(LEASE_MS + 1)), &None)
    );
    let code = record.last_error.map(|error| error.code);
    assert_eq!(code.as_deref(), Some("lease_expired"));
    assert_eq!(
        scene.session(&worker).await.ended_at,
        Some(at(LEASE_MS + 1))
    );
    assert_eq!(scene.expire(at(LEASE_MS + 1)).await, 0, "once is enough");
}

pub async fn the_last_counted_attempt_that_is_lost_fails_the_execution(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (_worker, grant) = scene.running(at(0), hasty(1)).await;
    scene.expire(at(LEASE_MS + 1)).await;
    let record = scene.record(grant.fence.execution).await;
    let standing = record.summary.standing;
    assert_eq!((standing.state, standing.attempt_count), (State::Failed, 1));
    assert_eq!(record.summary.completed_at, Some(at(LEASE_MS + 1)));
}

pub async fn expiry_is_bounded_by_its_limit(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(scene.worker(at(0), 1).await.session.id);
    }
    let living = scene.worker(at(5_000), 1).await;
    let mut ended = Vec::new();
    for expected in [2, 1, 0] {
        let tick = scene
            .store
            .expire_sessions(at(LEASE_MS + 1), 2, AT_ONCE)
            .await
            .expect("the tick is served");
        assert_eq!(tick.ended.len(), expected);
        ended.extend(tick.ended);
    }
    ended.sort_unstable();
    ids.sort_unstable();
    assert_eq!(ended, ids);
    assert_eq!(scene.session(&living).await.ended_at, None);
}

pub async fn a_session_that_is_ended_in_part_does_nothing_more_and_is_ended_by_later_ticks(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![hasty(3); 3]).await;
    let worker = scene.worker(at(0), 9).await;
    let grants = scene.claim(&worker, at(0), 3).await;
    canceled(scene.cancel(at(1), grants[2].fence.execution).await);
    let over = at(LEASE_MS + 1);
    let tick = async || {
        let tick = scene.store.expire_sessions(over, 2, AT_ONCE).await;
        let tick = tick.expect("the tick is served");
        (tick.moved, tick.ended)
    };
    assert_eq!(tick().await, (2, vec![]));
    let claim = scene.ask(over, worker.next_claim(9)).await;
    let ClaimOutcome::Gone { why, .. } = claim else {
        panic!("it was granted something: {claim:?}");
    };
    assert_eq!(why, SessionGone::Ended);
    let beat = scene.beat(over, worker.beat(&[])).await;
    assert_eq!(beat, HeartbeatOutcome::Gone(SessionGone::Ended));
    let verdict = scene
        .finish(&worker, over, succeeded(grants[0].fence))
        .await;
    assert_eq!(verdict, HandInVerdict::Stale, "its attempt was ended");

    assert_eq!(tick().await, (2, vec![worker.session.id]));
    assert_eq!(tick().await, (0, vec![]));
    let seen = scene.session(&worker).await;
    assert_eq!((seen.running, seen.stopping), (0, 0));
    assert_eq!(seen.ended_at, Some(over));
    let stop = stop_of(&scene.record(grants[2].fence.execution).await);
    assert_eq!(stop.status, StopStatus::Presumed);
}

fn due(ms: u64) -> NewExecution {
    job_with(|job| job.options.scheduled_for = Some(at(ms)))
}

pub async fn due_executions_are_promoted_in_the_order_of_their_time(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let batch = vec![due(300), due(100), due(200), due(9_000)];
    let ids = scene.create_all(at(0), batch).await;
    let mut moved = Vec::new();
    for _ in 0..3 {
        let tick = scene.store.promote_due(at(500), 2).await;
        let tick = tick.expect("the tick is served");
        moved.push(tick.moved);
    }
    assert_eq!(moved, [2, 1, 0]);
    let worker = scene.worker(at(500), 9).await;
    let order = granted(&scene.claim(&worker, at(500), 9).await);
    assert_eq!(order, [ids[1], ids[2], ids[0]]);
    assert_eq!(scene.promote(at(9_000)).await, 1);
}

pub async fn what_is_due_first_is_promoted_first(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = scene
        .create_all(at(0), vec![due(300), due(100), due(200)])
        .await;
    let tick = scene.store.promote_due(at(500), 1).await;
    assert_eq!(tick.expect("the tick is served").moved, 1);
    let worker = scene.worker(at(500), 1).await;
    assert_eq!(granted(&scene.claim(&worker, at(500), 1).await), [ids[1]]);
}

/// An execution whose attempts may run for a second.
fn timed(max_attempts: u32) -> NewExecution {
    let mut new = hasty(max_attempts);
    new.options.attempt_timeout_ms = Some(1_000);
    new
}

pub async fn an_attempt_that_runs_too_long_is_stopped_and_counted(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(50), timed(3)).await;
    assert_eq!(scene.time_out(at(1_049)).await, 0);
    assert_eq!(scene.time_out(at(1_051)).await, 1);
    assert_eq!(scene.time_out(at(1_051)).await, 0);
    let record = scene.record(grant.fence.execution).await;
    let expected = Standing {
        attempt: AttemptNumber(1),
        attempt_count: 1,
        available_at: at(1_051),
        processing_started_at: Some(at(50)),
        stop_unproven: true,
        ..Standing::accepted(at(50), timed(3).options.retry)
    };
    assert_eq!(record.summary.standing, expected);
    assert_eq!(record.attempts[0].end, Some(AttemptEnd::TimedOut));
    let code = record.last_error.map(|error| error.code);
    assert_eq!(code.as_deref(), Some("attempt_timed_out"));
    let seen = scene.session(&worker).await;
    assert_eq!((seen.running, seen.stopping), (0, 1));
}

pub async fn the_last_attempt_that_runs_too_long_fails_the_execution(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), timed(1)).await;
    assert_eq!(scene.time_out(at(1_001)).await, 1);
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(record.summary.standing.state, State::Failed);
    assert_eq!(record.summary.completed_at, Some(at(1_001)));
    let stop = stop_of(&record);
    assert_eq!(
        (stop.status, stop.cause),
        (StopStatus::Requested, StopCause::Timeout),
        "it may still run"
    );
    assert_eq!(scene.orders(&worker).await.len(), 1);
}

pub async fn timeouts_are_bounded_by_their_limit(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![timed(3); 3]).await;
    let worker = scene.worker(at(0), 3).await;
    scene.claim(&worker, at(0), 3).await;
    let mut moved = Vec::new();
    for _ in 0..3 {
        let tick = scene.store.time_out_attempts(at(1_001), 2, LONGEST).await;
        moved.push(tick.expect("the tick is served").moved);
    }
    assert_eq!(moved, [2, 1, 0]);
    assert_eq!(scene.session(&worker).await.stopping, 3);
}

fn until(ms: u64) -> NewExecution {
    job_with(|job| job.options.deadline = Some(at(ms)))
}

pub async fn a_pending_execution_fails_at_its_deadline(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), until(2_000)).await;
    let backs_off = HandIn {
        jitter: LONGEST,
        ..failed(grant.fence)
    };
    scene.finish(&worker, at(1_500), backs_off).await;
    let mut later = until(2_000);
    later.options.scheduled_for = Some(at(1_999));
    let mut ids = scene.create_all(at(0), vec![until(2_000), later]).await;
    ids.push(grant.fence.execution);
    assert_eq!(scene.pass_deadlines(at(1_999)).await, 0);
    assert_eq!(scene.pass_deadlines(at(2_001)).await, 3);
    assert_eq!(scene.pass_deadlines(at(2_001)).await, 0);
    for id in ids {
        let record = scene.record(id).await;
        assert_eq!(record.summary.standing.state, State::Failed);
        assert_eq!(record.summary.completed_at, Some(at(2_001)));
        assert_eq!(record.cancel, None);
        let code = record.last_error.map(|error| error.code);
        assert_eq!(code.as_deref(), Some("deadline_exceeded"));
        assert!(record.attempts.iter().all(|attempt| attempt.stop.is_none()));
    }
    assert_eq!(granted(&scene.claim(&worker, at(2_002), 9).await), []);
    scene.promote(at(900_000)).await;
    let free = scene.worker(at(900_000), 9).await;
    assert_eq!(granted(&scene.claim(&free, at(900_000), 9).await), []);
}

pub async fn a_running_execution_fails_at_its_deadline_and_is_stopped(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), until(2_000)).await;
    assert_eq!(scene.pass_deadlines(at(1_999)).await, 0);
    assert_eq!(scene.pass_deadlines(at(2_001)).await, 1);
    assert_eq!(scene.pass_deadlines(at(2_001)).await, 0);
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(record.summary.standing.state, State::Failed);
    assert!(record.summary.standing.stop_unproven);
    assert_eq!(record.attempts[0].end, Some(AttemptEnd::DeadlineExceeded));
    let code = record.last_error.as_ref().map(|error| error.code.as_str());
    assert_eq!(code, Some("deadline_exceeded"));
    let stop = stop_of(&record);
    assert_eq!(
        (stop.status, stop.cause, stop.requested_at, stop.stops_by),
        (
            StopStatus::Requested,
            StopCause::Deadline,
            at(2_001),
            Some(at(LEASE_MS + 10_000 + KILL_MS))
        )
    );
    let orders = scene.orders(&worker).await;
    assert_eq!(orders.len(), 1);
    assert_eq!(
        (orders[0].cause, &orders[0].actor),
        (StopCause::Deadline, &None)
    );
}

pub async fn a_deadline_does_not_touch_what_has_ended(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), until(2_000)).await;
    scene.finish(&worker, at(1), succeeded(grant.fence)).await;
    let canceled = scene.create(at(0), until(2_000)).await;
    scene.cancel(at(1), canceled).await;
    let before = (
        scene.record(grant.fence.execution).await,
        scene.record(canceled).await,
    );
    assert_eq!(scene.pass_deadlines(at(9_000)).await, 0);
    let after = (
        scene.record(grant.fence.execution).await,
        scene.record(canceled).await,
    );
    assert_same(&after, &before);
}

pub async fn deadlines_are_bounded_by_their_limit(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![until(2_000); 3]).await;
    let mut moved = Vec::new();
    for _ in 0..3 {
        let tick = scene.store.pass_deadlines(at(2_001), 2).await;
        moved.push(tick.expect("the tick is served").moved);
    }
    assert_eq!(moved, [2, 1, 0]);
}

pub async fn overdue_stops_are_flagged_up_to_the_limit(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = scene.create_all(at(0), vec![job(); 3]).await;
    let worker = scene.worker(at(0), 3).await;
    let grants = scene.claim(&worker, at(0), 3).await;
    for id in &ids {
        scene.cancel(at(1), *id).await;
    }
    let fences = super::words::fences(&grants);
    scene.keep_alive(&worker, at(29_000), &fences).await;
    let overdue = at(LEASE_MS + 10_000 + KILL_MS + 1);
    let mut moved = Vec::new();
    for _ in 0..3 {
        let tick = scene.store.flag_overdue_stops(overdue, 2).await;
        moved.push(tick.expect("the tick is served").moved);
    }
    assert_eq!(moved, [2, 1, 0]);
}
