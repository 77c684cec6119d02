//! Cancels by id: the verdict in every state, and what a repeat may not change.

use taskpilot_domain::execution::{AttemptEnd, Standing, State};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::limits::{KILL_MS, LEASE_MS};
use taskpilot_domain::names::PrincipalName;
use taskpilot_domain::stop::{Containment, StopCause, StopStatus};

use super::scene::Scene;
use super::words::{
    AT_ONCE, LONGEST, assert_same, at, by_id, by_key, cancel_of, canceled, canceled_already,
    failed, failed_for_good, granted, hasty, job, job_with, keyed, nobodys_execution, refused,
    session, somebody, stop_of,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::{
    CancelOutcome, CancelRecord, CancelRequest, CancelTarget, ExecutionRecord,
};
use crate::rows::sessions::HandIn;
use crate::rows::stops::StopRecord;

pub async fn a_pending_execution_is_canceled_and_never_runs(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    let before = scene.record(id).await;
    let record = canceled(scene.cancel(at(40), id).await);
    let mut expected = ExecutionRecord {
        cancel: Some(CancelRecord {
            cause: StopCause::User,
            requested_at: at(40),
            requested_by: somebody(),
            reason: Some("no longer wanted".into()),
            later_count: 0,
            later: Vec::new(),
        }),
        ..before
    };
    expected.summary.standing.state = State::Canceled;
    expected.summary.completed_at = Some(at(40));
    assert_same(&record, &expected);
    assert_same(&scene.record(id).await, &expected);
    let worker = scene.worker(at(41), 1).await;
    assert_eq!(granted(&scene.claim(&worker, at(41), 1).await), []);
}

pub async fn an_execution_for_later_is_canceled_and_never_runs(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let later = job_with(|job| job.options.scheduled_for = Some(at(1_000)));
    let id = scene.create(at(0), later).await;
    let record = canceled(scene.cancel(at(40), id).await);
    assert_eq!(record.summary.completed_at, Some(at(40)));
    assert!(record.attempts.is_empty(), "nothing was there to stop");
    assert_eq!(scene.promote(at(2_000)).await, 0);
    let worker = scene.worker(at(2_000), 1).await;
    assert_eq!(granted(&scene.claim(&worker, at(2_000), 1).await), []);
}

pub async fn an_execution_that_backs_off_is_canceled_without_a_stop(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    let item = HandIn {
        jitter: LONGEST,
        ..failed(grant.fence)
    };
    scene.finish(&worker, at(10), item).await;
    let record = canceled(scene.cancel(at(20), grant.fence.execution).await);
    assert_eq!(record.summary.standing.state, State::Canceled);
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(record.attempts[0].end, Some(AttemptEnd::Failed));
    assert_eq!(record.attempts[0].stop, None, "nothing was leased");
    assert_eq!(scene.orders(&worker).await, []);
    assert_eq!(scene.promote(at(1_000_000)).await, 0);
}

pub async fn a_running_execution_is_canceled_and_its_attempt_is_stopped(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let new = job_with(|job| job.options.cancel_grace_ms = 777);
    let (worker, grant) = scene.running(at(0), new).await;
    let record = canceled(scene.cancel(at(40), grant.fence.execution).await);
    let expected = Standing {
        state: State::Canceled,
        attempt: AttemptNumber(1),
        attempt_count: 1,
        processing_started_at: Some(at(0)),
        stop_unproven: true,
        ..Standing::accepted(at(0), job().options.retry)
    };
    assert_eq!(record.summary.standing, expected);
    assert_eq!(record.summary.completed_at, Some(at(40)));
    let attempt = &record.attempts[0];
    assert_eq!(
        (attempt.end, attempt.ended_at, &attempt.error),
        (Some(AttemptEnd::Canceled), Some(at(40)), &None)
    );
    let stop = StopRecord {
        status: StopStatus::Requested,
        cause: StopCause::User,
        requested_at: at(40),
        delivered_at: None,
        acknowledged_at: None,
        ended_at: None,
        how: None,
        containment: None,
        evidence: None,
        stops_by: Some(at(LEASE_MS + 777 + KILL_MS)),
        released: None,
    };
    assert_eq!(stop_of(&record), stop);
    assert_same(&scene.record(grant.fence.execution).await, &record);
    let seen = scene.session(&worker).await;
    assert_eq!((seen.running, seen.stopping), (0, 1));
}

pub async fn the_bound_follows_the_lease_as_it_was_at_the_verdict(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    scene.keep_alive(&worker, at(7_000), &[grant.fence]).await;
    let record = canceled(scene.cancel(at(9_000), grant.fence.execution).await);
    let promised = Some(at(7_000 + LEASE_MS + 10_000 + KILL_MS));
    assert_eq!(stop_of(&record).stops_by, promised);
    scene.keep_alive(&worker, at(12_000), &[grant.fence]).await;
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(stop_of(&record).stops_by, promised, "it is never raised");
}

pub async fn no_bound_is_promised_for_code_inside_a_worker(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), job()).await;
    let mut new = session(1);
    new.containment = Containment::InProcess;
    let worker = scene.register(at(0), new).await;
    scene.claim_one(&worker, at(0)).await;
    let record = canceled(scene.cancel(at(40), id).await);
    assert_eq!(stop_of(&record).stops_by, None);
    let far = at(90_000_000);
    scene
        .store
        .extend_leases(at(50), far.plus_ms(1))
        .await
        .expect("leases are extended");
    assert_eq!(scene.flag_overdue(far).await, 0, "nothing is overdue");
}

pub async fn what_has_ended_otherwise_refuses_a_cancel(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let succeeded = scene.done(at(0)).await;
    let (worker, grant) = scene.running(at(1), hasty(3)).await;
    scene
        .finish(&worker, at(2), failed_for_good(grant.fence))
        .await;
    for id in [succeeded, grant.fence.execution] {
        let before = scene.record(id).await;
        assert_same(&refused(scene.cancel(at(9), id).await), &before);
        assert_same(&scene.record(id).await, &before);
    }
}

pub async fn a_repeat_keeps_the_first_stamp_actor_and_reason(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let waiting = scene
        .create(at(0), job_with(|job| job.kind = super::words::kind("x")))
        .await;
    let (_worker, grant) = scene.running(at(0), job()).await;
    for id in [waiting, grant.fence.execution] {
        let first = canceled(scene.cancel(at(40), id).await);
        let repeat = CancelRequest {
            actor: PrincipalName::new("another").expect("a principal"),
            reason: None,
            ..by_id(id)
        };
        let outcomes = scene.cancel_all(at(90), vec![repeat]).await;
        let mut expected = first.clone();
        expected.cancel.as_mut().expect("canceled").later_count = 1;
        for outcome in outcomes {
            assert_same(&canceled_already(outcome), &expected);
        }
        let mut read = scene.record(id).await;
        read.cancel.as_mut().expect("canceled").later.clear();
        assert_same(&read, &expected);
    }
}

pub async fn a_cancel_of_what_is_not_there_is_missing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let outcome = scene.cancel(at(0), nobodys_execution()).await;
    assert!(matches!(outcome, CancelOutcome::Missing), "{outcome:?}");
    let expecting = CancelTarget::Id {
        id: nobodys_execution(),
        reference: Some("task/7".into()),
    };
    let outcome = scene.cancel_target(at(0), expecting).await;
    assert!(matches!(outcome, CancelOutcome::Missing), "{outcome:?}");
}

pub async fn an_expected_reference_must_be_the_execution_s_own(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let named = scene
        .create(at(0), job_with(|job| job.reference = Some("task/7".into())))
        .await;
    let nameless = scene.create(at(0), job()).await;
    let target = |id, reference: &str| CancelTarget::Id {
        id,
        reference: Some(reference.into()),
    };
    for (id, reference) in [(named, "task/8"), (named, ""), (nameless, "task/7")] {
        let before = scene.record(id).await;
        let outcome = scene.cancel_target(at(1), target(id, reference)).await;
        let mismatch = matches!(outcome, CancelOutcome::OtherReference);
        assert!(mismatch, "{reference:?}: {outcome:?}");
        assert_same(&scene.record(id).await, &before);
    }
    canceled(scene.cancel_target(at(2), target(named, "task/7")).await);
    canceled_already(scene.cancel(at(3), named).await);
    canceled(scene.cancel(at(3), nameless).await);
}

pub async fn another_reference_hides_the_verdict_of_a_final_execution_too(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let id = scene.done(at(0)).await;
    let target = CancelTarget::Id {
        id,
        reference: Some("task/8".into()),
    };
    let outcome = scene.cancel_target(at(1), target).await;
    let mismatch = matches!(outcome, CancelOutcome::OtherReference);
    assert!(mismatch, "{outcome:?}");
}

pub async fn one_execution_twice_in_a_batch_is_folded(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let done = scene.done(at(0)).await;
    let (_worker, grant) = scene.running(at(0), keyed("k", 1)).await;
    let id = grant.fence.execution;
    let batch = vec![
        by_id(id),
        by_id(nobodys_execution()),
        cancel_of(CancelTarget::Id {
            id,
            reference: Some("task/8".into()),
        }),
        by_id(id),
        by_id(done),
        by_key("k"),
    ];
    let outcomes = scene.cancel_all(at(5), batch).await;
    let words: Vec<&str> = outcomes.iter().map(word).collect();
    assert_eq!(
        words,
        [
            "canceled",
            "missing",
            "other reference",
            "already",
            "refused",
            "already"
        ]
    );
    assert_eq!(scene.record(id).await.attempts.len(), 1);
}

fn word(outcome: &CancelOutcome) -> &'static str {
    match outcome {
        CancelOutcome::Canceled(_) => "canceled",
        CancelOutcome::Already(_) => "already",
        CancelOutcome::Refused(_) => "refused",
        CancelOutcome::Missing => "missing",
        CancelOutcome::OtherReference => "other reference",
    }
}

pub async fn a_cancel_of_a_blocked_execution_goes_on_showing_the_open_stop(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let new = job_with(|job| job.options.attempt_timeout_ms = Some(1_000));
    let (worker, grant) = scene.running(at(0), new).await;
    let id = grant.fence.execution;
    let tick = scene
        .store
        .time_out_attempts(at(1_001), 10, AT_ONCE)
        .await
        .expect("the tick is served");
    assert_eq!(tick.moved, 1);
    let open = stop_of(&scene.record(id).await);
    assert_eq!(open.cause, StopCause::Timeout);
    let record = canceled(scene.cancel(at(1_500), id).await);
    assert_eq!(record.summary.standing.state, State::Canceled);
    assert!(record.summary.standing.stop_unproven);
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(record.attempts[0].end, Some(AttemptEnd::TimedOut));
    assert_eq!(
        stop_of(&record),
        open,
        "the stop keeps its cause and stamps"
    );
    assert_eq!(scene.orders(&worker).await.len(), 1);
}

pub async fn a_thousand_cancels_are_one_call(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = scene.create_all(at(0), vec![job(); 1_000]).await;
    let worker = scene.worker(at(0), 300).await;
    scene.claim(&worker, at(1), 300).await;
    let requests = ids.iter().rev().map(|id| by_id(*id)).collect();
    let outcomes = scene.cancel_all(at(2), requests).await;
    let decided: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| canceled(outcome).summary.id)
        .collect();
    assert!(
        decided.iter().rev().eq(&ids),
        "one outcome per item in order"
    );
    assert_eq!(scene.session(&worker).await.stopping, 300);
    assert_eq!(scene.orders(&worker).await.len(), 300);
}
