//! The end of a stop: proven, presumed, stuck, and what waits for it.

use std::sync::Arc;

use taskpilot_domain::execution::{AttemptEnd, Phase, State};
use taskpilot_domain::ids::{AttemptNumber, Fence};
use taskpilot_domain::limits::{KILL_MS, LEASE_MS};
use taskpilot_domain::stop::{Containment, How, StopCause, StopEvent, StopStatus};

use super::scene::{Scene, Worker};
use super::words::{
    at, failed, granted, hasty, held, interrupted, job, job_with, released, stage, stop_of,
    succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::Grant;
use crate::rows::sessions::{HandIn, HandInVerdict};
use crate::rows::stops::{StopReport, StopVerdict};

pub async fn a_final_report_under_the_canceled_token_is_the_proof(h: &impl SchedulerHarness) {
    let cases = [
        (
            succeeded as fn(Fence) -> HandIn,
            How::Finished,
            AttemptEnd::Succeeded,
        ),
        (failed, How::Finished, AttemptEnd::Failed),
        (released, How::NeverStarted, AttemptEnd::Released),
        (interrupted, How::Terminated, AttemptEnd::Interrupted),
    ];
    let scene = Scene::of(h);
    for (item, how, outcome) in cases {
        let (worker, grant) = scene.stopping(at(0), 100).await;
        let verdict = scene.finish(&worker, at(300), item(grant.fence)).await;
        let winner = State::Canceled;
        assert_eq!(verdict, HandInVerdict::Late { winner });
        let record = scene.record(grant.fence.execution).await;
        let stop = stop_of(&record);
        assert_eq!(
            (stop.status, stop.how, stop.ended_at),
            (StopStatus::Stopped, Some(how), Some(at(300)))
        );
        assert!(!record.summary.standing.stop_unproven);
        let late = record.attempts[0].late.as_ref().map(|late| late.outcome);
        assert_eq!(late, Some(outcome));
        assert_eq!(scene.orders(&worker).await, []);
        assert_eq!(scene.session(&worker).await.stopping, 0);
    }
}

pub async fn a_final_report_says_when_the_work_ended(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    for (begun, ago_ms, ended_ms) in [(0, 40, 260), (1_000, 900_000, 100)] {
        let after = |ms: u64| at(begun + ms);
        let (worker, grant) = scene.stopping(after(0), 100).await;
        let item = HandIn {
            ago_ms,
            ..interrupted(grant.fence)
        };
        scene.finish(&worker, after(300), item).await;
        let record = scene.record(grant.fence.execution).await;
        assert_eq!(stop_of(&record).ended_at, Some(after(ended_ms)));
        assert_eq!(record.summary.completed_at, Some(after(100)));
    }
}

pub async fn a_final_report_says_how_the_work_ended(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    let item = HandIn {
        how: Some(How::Killed),
        ..interrupted(grant.fence)
    };
    scene.finish(&worker, at(300), item).await;
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    assert_eq!(
        (stop.status, stop.how),
        (StopStatus::Stopped, Some(How::Killed))
    );
}

pub async fn an_expired_session_leaves_a_presumption(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    let delivered = stage(grant.fence, StopEvent::Delivered);
    scene.report(&worker, at(200), delivered).await;
    assert_eq!(scene.expire(at(LEASE_MS - 1)).await, 0);
    assert_eq!(scene.expire(at(LEASE_MS + 1)).await, 1);
    is_presumed(&scene, &grant, LEASE_MS + 1).await;
}

pub async fn a_goodbye_without_a_proof_leaves_a_presumption(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    scene.goodbye(&worker, at(500), Vec::new()).await;
    is_presumed(&scene, &grant, 500).await;
}

async fn is_presumed(scene: &Scene, grant: &Grant, ms: u64) {
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(record.summary.standing.state, State::Canceled);
    assert!(!record.summary.standing.stop_unproven);
    let attempt = &record.attempts[0];
    assert_eq!(attempt.end, Some(AttemptEnd::Canceled));
    let stop = stop_of(&record);
    assert_eq!(
        (stop.status, stop.how, stop.ended_at),
        (StopStatus::Presumed, None, Some(at(ms)))
    );
}

pub async fn a_goodbye_may_prove_that_an_attempt_never_started(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    scene.goodbye(&worker, at(500), vec![held(&grant)]).await;
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    assert_eq!(
        (stop.status, stop.how, stop.ended_at),
        (StopStatus::Stopped, Some(How::NeverStarted), Some(at(500)))
    );
}

pub async fn a_session_that_ended_may_still_report_and_presumed_stays(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    scene.expire(at(LEASE_MS + 1)).await;
    let report = stage(grant.fence, StopEvent::Ended(How::Killed));
    let verdict = scene.report(&worker, at(LEASE_MS + 9), report).await;
    assert_eq!(verdict, StopVerdict::Recorded);
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    assert_eq!(
        (stop.status, stop.ended_at),
        (StopStatus::Presumed, Some(at(LEASE_MS + 1))),
        "a proof that comes later is evidence only"
    );
}

pub async fn a_stop_report_after_the_final_report_adds_its_evidence(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    scene.finish(&worker, at(300), succeeded(grant.fence)).await;
    let report = StopReport {
        containment: Some(Containment::Cgroup),
        evidence: Some(Arc::from(r#"{"swept":0}"#)),
        ..stage(grant.fence, StopEvent::Ended(How::Killed))
    };
    let other = StopReport {
        containment: Some(Containment::Subreaper),
        evidence: Some(Arc::from(r#"{"swept":9}"#)),
        ..report.clone()
    };
    for (now, report) in [(at(400), report), (at(500), other)] {
        let verdict = scene.report(&worker, now, report).await;
        assert_eq!(verdict, StopVerdict::Recorded);
    }
    let record = scene.record(grant.fence.execution).await;
    let stop = record.attempts[0].stop.as_ref().expect("a stop");
    assert_eq!(
        (stop.status, stop.how, stop.ended_at),
        (StopStatus::Stopped, Some(How::Finished), Some(at(300))),
        "the first proof stands"
    );
    assert_eq!(stop.containment, Some(Containment::Cgroup));
    assert_eq!(stop.evidence.as_deref(), Some(r#"{"swept":0}"#));
}

pub async fn what_was_said_first_of_a_stop_stands_and_later_facts_fill_the_rest(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    let survived = StopReport {
        containment: Some(Containment::Subreaper),
        evidence: Some(Arc::from(
            r#"{"detail":"still alive: [7]","proof":null,"swept":null}"#,
        )),
        ..stage(grant.fence, StopEvent::Unkillable)
    };
    let proof = StopReport {
        containment: Some(Containment::Cgroup),
        evidence: Some(Arc::from(
            r#"{"detail":"gone","proof":"waitpid","swept":2}"#,
        )),
        ..stage(grant.fence, StopEvent::Ended(How::Killed))
    };
    scene.report(&worker, at(200), survived).await;
    scene.report(&worker, at(300), proof).await;
    let record = scene.record(grant.fence.execution).await;
    let stop = record.attempts[0].stop.as_ref().expect("a stop");
    assert_eq!(
        (stop.status, stop.how, stop.ended_at),
        (StopStatus::Stopped, Some(How::Killed), Some(at(300)))
    );
    assert_eq!(stop.containment, Some(Containment::Subreaper));
    assert_eq!(
        stop.evidence.as_deref(),
        Some(r#"{"detail":"still alive: [7]","proof":"waitpid","swept":2}"#)
    );
}

pub async fn a_stop_that_failed_holds_its_slot_until_it_is_proven(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let failures = [
        (0, StopEvent::Unkillable, StopStatus::Stuck),
        (1_000, StopEvent::GaveUp, StopStatus::Abandoned),
    ];
    for (begun, event, status) in failures {
        let after = |ms: u64| at(begun + ms);
        let (worker, grant) = scene.stopping(after(0), 100).await;
        let waiting = scene.create(after(150), job()).await;
        scene
            .report(&worker, after(200), stage(grant.fence, event))
            .await;
        let stop = stop_of(&scene.record(grant.fence.execution).await);
        assert_eq!((stop.status, stop.ended_at), (status, None));
        assert_eq!(granted(&scene.claim(&worker, after(300), 1).await), []);
        assert_eq!(scene.session(&worker).await.stopping, 1);

        let proof = stage(grant.fence, StopEvent::Ended(How::Killed));
        scene.report(&worker, after(400), proof).await;
        let stop = stop_of(&scene.record(grant.fence.execution).await);
        assert_eq!(
            (stop.status, stop.how, stop.ended_at),
            (StopStatus::Stopped, Some(How::Killed), Some(after(400)))
        );
        assert_eq!(
            granted(&scene.claim(&worker, after(500), 1).await),
            [waiting]
        );
    }
}

pub async fn an_overdue_stop_is_stuck_until_it_is_proven(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1_000).await;
    let id = grant.fence.execution;
    let promised = LEASE_MS + 10_000 + KILL_MS;
    scene.keep_alive(&worker, at(25_000), &[grant.fence]).await;
    assert_eq!(scene.flag_overdue(at(promised - 1)).await, 0);
    assert_eq!(scene.flag_overdue(at(promised + 1)).await, 1);
    assert_eq!(scene.flag_overdue(at(promised + 2)).await, 0);
    let record = scene.record(id).await;
    assert_eq!(stop_of(&record).status, StopStatus::Stuck);
    assert_eq!(stop_of(&record).ended_at, None);
    assert!(record.summary.standing.stop_unproven);
    let orders = scene.orders(&worker).await;
    assert_eq!(orders.len(), 1, "a stuck stop may never have been heard of");

    let proof = stage(grant.fence, StopEvent::Ended(How::Killed));
    scene.report(&worker, at(promised + 9), proof).await;
    let stop = stop_of(&scene.record(id).await);
    assert_eq!(
        (stop.status, stop.how),
        (StopStatus::Stopped, Some(How::Killed))
    );
    assert_eq!(scene.orders(&worker).await, []);
}

pub async fn a_stuck_stop_is_presumed_when_its_session_ends(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 100).await;
    let report = stage(grant.fence, StopEvent::Unkillable);
    scene.report(&worker, at(200), report).await;
    scene.goodbye(&worker, at(500), Vec::new()).await;
    is_presumed(&scene, &grant, 500).await;
}

/// An attempt of one second that ran longer: its execution is BLOCKED behind the stop.
async fn blocked(scene: &Scene) -> (Worker, Grant) {
    let mut new = hasty(3);
    new.options.attempt_timeout_ms = Some(1_000);
    let (worker, grant) = scene.running(at(0), new).await;
    assert_eq!(scene.time_out(at(1_001)).await, 1);
    (worker, grant)
}

pub async fn nothing_is_claimed_while_the_stop_of_an_earlier_attempt_is_open(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let (worker, grant) = blocked(&scene).await;
    let id = grant.fence.execution;
    let record = scene.record(id).await;
    let standing = record.summary.standing;
    assert_eq!(standing.phase(at(2_000)), Some(Phase::Blocked));
    let stop = stop_of(&record);
    assert_eq!(
        (stop.status, stop.cause, stop.stops_by),
        (
            StopStatus::Requested,
            StopCause::Timeout,
            Some(at(LEASE_MS + 10_000 + KILL_MS))
        )
    );
    let orders = scene.orders(&worker).await;
    assert_eq!(orders.len(), 1);
    assert_eq!(
        (orders[0].cause, &orders[0].actor, &orders[0].reason),
        (StopCause::Timeout, &None, &None)
    );
    let free = scene.worker(at(2_000), 1).await;
    for event in [StopEvent::Delivered, StopEvent::Unkillable] {
        scene
            .report(&worker, at(3_000), stage(grant.fence, event))
            .await;
        scene.promote(at(3_000)).await;
        assert_eq!(granted(&scene.claim(&free, at(3_000), 1).await), []);
    }
    let proof = stage(grant.fence, StopEvent::Ended(How::Killed));
    scene.report(&worker, at(4_000), proof).await;
    scene.promote(at(4_000)).await;
    let second = scene.claim_one(&free, at(4_000)).await;
    assert_eq!(
        (second.fence.execution, second.fence.attempt),
        (id, AttemptNumber(2))
    );
}

pub async fn a_blocked_execution_goes_on_when_its_stop_is_presumed(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (_worker, grant) = blocked(&scene).await;
    assert_eq!(scene.expire(at(LEASE_MS + 1)).await, 1);
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(stop_of(&record).status, StopStatus::Presumed);
    assert_eq!(record.attempts[0].end, Some(AttemptEnd::TimedOut));
    let free = scene.worker(at(LEASE_MS + 2), 1).await;
    scene.promote(at(LEASE_MS + 2)).await;
    let second = scene.claim_one(&free, at(LEASE_MS + 2)).await;
    assert_eq!(second.fence.attempt, AttemptNumber(2));
}

pub async fn a_blocked_execution_goes_on_when_its_attempt_hands_in(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = blocked(&scene).await;
    let verdict = scene
        .finish(&worker, at(1_500), succeeded(grant.fence))
        .await;
    assert_eq!(verdict, HandInVerdict::Stale, "it was timed out");
    let stop = stop_of(&scene.record(grant.fence.execution).await);
    assert_eq!(
        (stop.status, stop.how),
        (StopStatus::Stopped, Some(How::Finished))
    );
    scene.promote(at(1_500)).await;
    let second = scene.claim_one(&worker, at(1_500)).await;
    assert_eq!(second.fence.attempt, AttemptNumber(2));
}

pub async fn a_proof_does_not_shorten_the_back_off(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let new = job_with(|job| job.options.attempt_timeout_ms = Some(1_000));
    let (worker, grant) = scene.running(at(0), new).await;
    let tick = scene
        .store
        .time_out_attempts(at(1_001), 10, super::words::LONGEST)
        .await
        .expect("the tick is served");
    assert_eq!(tick.moved, 1);
    let available_at = scene.standing(grant.fence.execution).await.available_at;
    let proof = stage(grant.fence, StopEvent::Ended(How::Terminated));
    scene.report(&worker, at(1_002), proof).await;
    let early = available_at.minus_ms(1);
    if early > at(1_002) {
        assert_eq!(scene.promote(early).await, 0);
        assert_eq!(granted(&scene.claim(&worker, early, 1).await), []);
    }
    scene.promote(available_at).await;
    let second = scene.claim_one(&worker, available_at).await;
    assert_eq!(second.fence.attempt, AttemptNumber(2));
}

pub async fn a_late_promotion_does_not_pass_an_open_stop(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = blocked(&scene).await;
    scene.promote(at(20_000)).await;
    let delivered = stage(grant.fence, StopEvent::Delivered);
    scene.report(&worker, at(20_001), delivered).await;
    scene.promote(at(20_002)).await;
    let free = scene.worker(at(20_003), 1).await;
    assert_eq!(granted(&scene.claim(&free, at(20_003), 1).await), []);
    let standing = scene.standing(grant.fence.execution).await;
    assert!(standing.stop_unproven);
    assert_eq!(standing.phase(at(20_003)), Some(Phase::Blocked));
}
