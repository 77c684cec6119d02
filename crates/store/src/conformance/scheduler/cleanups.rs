//! Cleanups: one is owed with the verdict where somebody cleans up, it begins when nothing of the canceled
//! execution may run any more, and it is told what it is for.

use taskpilot_domain::cleanup::CleanupTerms;
use taskpilot_domain::execution::{BlockedBy, Phase, State};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use taskpilot_domain::limits::{LEASE_MS, PRIORITY_MAX};
use taskpilot_domain::options::ExecutionOptions;
use taskpilot_domain::retention::Retention;
use taskpilot_domain::stop::{How, StopCause, StopEvent, StopStatus};
use taskpilot_domain::time::Timestamp;

use super::releases::release_of;
use super::scene::{Scene, Worker};
use super::words::{
    abroad, at, by_key, canceled, cascade, child_of, failed, granted, hasty, held, home, job,
    job_with, keyed, kind, replayed, session, somebody, stage, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::cancels::{CancelBatch, CancelItem};
use crate::rows::executions::{CleanupOf, ExecutionFilter, ExecutionRecord, Grant, LastProgress};
use crate::rows::sessions::{HandInVerdict, Heartbeat, NewSession, SaidProgress};

fn terms() -> CleanupTerms {
    CleanupTerms::new(7_000, 2).expect("these are within their limits")
}

/// A worker that cleans up after jobs.
fn cleaner(slots: u32) -> NewSession {
    NewSession {
        cleanups: vec![(kind("job"), terms())],
        ..session(slots)
    }
}

async fn cleaning(scene: &Scene, ms: u64) -> Worker {
    scene.register(at(ms), cleaner(1)).await
}

/// All there is about the cleanup of an execution.
async fn cleanup(scene: &Scene, canceled: ExecutionId) -> ExecutionRecord {
    let record = scene.record(canceled).await;
    let cleanup = *record.cleanup.expect("a cleanup is owed");
    assert_eq!(cleanup.summary.cleanup_of, Some(canceled));
    assert_eq!(
        record.summary.cleanup,
        Some((cleanup.summary.id, cleanup.summary.standing.state))
    );
    cleanup
}

async fn phase(scene: &Scene, canceled: ExecutionId, ms: u64) -> Option<Phase> {
    cleanup(scene, canceled)
        .await
        .summary
        .standing
        .phase(at(ms))
}

async fn owes_none(scene: &Scene, id: ExecutionId) {
    let record = scene.record(id).await;
    assert_eq!(
        (record.summary.cleanup, record.cleanup.is_some()),
        (None, false)
    );
}

pub async fn a_session_tells_what_it_cleans_up(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    assert_eq!(worker.registered.types, [kind("job")]);
    assert_eq!(worker.registered.cleanups, [kind("job")]);
    assert_eq!(scene.session(&worker).await, worker.registered);
}

pub async fn what_never_began_is_cleaned_up_at_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let later = job_with(|job| {
        job.options.scheduled_for = Some(at(1_000_000));
        job.payload = "{\"n\":1}".into();
        job.reference = Some("mine".into());
    });
    let id = scene.create(at(1), later).await;
    canceled(scene.cancel(at(5), id).await);
    let owed = cleanup(&scene, id).await;
    assert_eq!(owed.summary.kind, Some(kind("job")));
    assert_eq!(owed.payload.as_deref(), Some("{\"n\":1}"));
    assert_eq!((owed.reference, owed.key), (None, None));
    assert_eq!(owed.options.priority.0, PRIORITY_MAX);
    assert_eq!(owed.options.attempt_timeout_ms, Some(7_000));
    assert_eq!(owed.options.deadline, None);
    assert_eq!(owed.summary.standing.policy.max_attempts, 2);
    let grant = scene.claim_one(&worker, at(6)).await;
    assert_eq!(grant.fence.execution, owed.summary.id);
    let expected = CleanupOf {
        execution: id,
        attempt: None,
        cause: StopCause::User,
        requested_at: at(5),
        requested_by: somebody(),
        reason: Some("no longer wanted".into()),
        stop: StopStatus::NotNeeded,
        how: None,
        progress: None,
    };
    assert_eq!(grant.cleanup_of, Some(expected));
    assert_eq!(&*grant.payload, "{\"n\":1}");
    let verdict = scene.finish(&worker, at(7), succeeded(grant.fence)).await;
    assert_eq!(verdict, HandInVerdict::Applied);
    let done = cleanup(&scene, id).await;
    assert_eq!(done.summary.standing.state, State::Succeeded);
    assert_eq!(scene.standing(id).await.state, State::Canceled);
}

pub async fn a_cleanup_waits_for_the_proof_of_the_stop(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.register(at(0), cleaner(2)).await;
    let id = scene.create(at(0), job()).await;
    let grant = scene.claim_one(&worker, at(1)).await;
    canceled(scene.cancel(at(2), id).await);
    let owed = cleanup(&scene, id).await.summary;
    let waits = owed.standing.waits_for(at(2), owed.held_back);
    assert_eq!(waits, Some((Phase::Blocked, Some(BlockedBy::StopUnproven))));
    for (ms, event) in [(3, StopEvent::Delivered), (4, StopEvent::Acknowledged)] {
        scene
            .report(&worker, at(ms), stage(grant.fence, event))
            .await;
        assert_eq!(granted(&scene.claim(&worker, at(ms), 1).await), []);
    }
    let ended = StopEvent::Ended(How::Terminated);
    scene
        .report(&worker, at(5), stage(grant.fence, ended))
        .await;
    let cleaning = scene.claim_one(&worker, at(6)).await;
    let told = cleaning.cleanup_of.expect("it is a cleanup");
    assert_eq!((told.execution, told.attempt), (id, Some(AttemptNumber(1))));
    assert_eq!(
        (told.stop, told.how),
        (StopStatus::Stopped, Some(How::Terminated))
    );
}

pub async fn a_result_that_proves_the_stop_frees_the_cleanup(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    let grant = scene.claim_one(&worker, at(1)).await;
    canceled(scene.cancel(at(2), id).await);
    let verdict = scene.finish(&worker, at(3), succeeded(grant.fence)).await;
    assert!(matches!(verdict, HandInVerdict::Late { .. }), "{verdict:?}");
    let cleaning = scene.claim_one(&worker, at(4)).await;
    let told = cleaning.cleanup_of.expect("it is a cleanup");
    assert_eq!(
        (told.stop, told.how),
        (StopStatus::Stopped, Some(How::Finished))
    );
}

pub async fn a_lost_host_is_cleaned_up_elsewhere_once_its_lease_is_over(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let lost = cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    scene.claim_one(&lost, at(1)).await;
    let other = cleaning(&scene, LEASE_MS / 2).await;
    canceled(scene.cancel(at(LEASE_MS / 2), id).await);
    assert_eq!(granted(&scene.claim(&other, at(LEASE_MS - 1), 1).await), []);
    assert_eq!(scene.expire(at(LEASE_MS + 1)).await, 1);
    let cleaning = scene.claim_one(&other, at(LEASE_MS + 2)).await;
    let told = cleaning.cleanup_of.expect("it is a cleanup");
    assert_eq!((told.stop, told.how), (StopStatus::Presumed, None));
}

pub async fn a_cleanup_waits_for_the_stop_of_an_attempt_before_the_cancel(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let worker = scene.register(at(0), cleaner(2)).await;
    let new = job_with(|job| {
        job.options.attempt_timeout_ms = Some(10);
        job.options.retry = hasty(3).options.retry;
    });
    let id = scene.create(at(0), new).await;
    let grant = scene.claim_one(&worker, at(0)).await;
    assert_eq!(scene.time_out(at(11)).await, 1);
    canceled(scene.cancel(at(12), id).await);
    assert_eq!(phase(&scene, id, 12).await, Some(Phase::Blocked));
    let ended = StopEvent::Ended(How::Killed);
    scene
        .report(&worker, at(13), stage(grant.fence, ended))
        .await;
    assert_eq!(phase(&scene, id, 13).await, Some(Phase::Ready));
}

pub async fn what_waits_between_two_attempts_is_cleaned_up_at_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    let grant = scene.claim_one(&worker, at(0)).await;
    scene.finish(&worker, at(1), failed(grant.fence)).await;
    canceled(scene.cancel(at(2), id).await);
    let cleaning = scene.claim_one(&worker, at(2)).await;
    let told = cleaning.cleanup_of.expect("it is a cleanup");
    assert_eq!(told.attempt, Some(AttemptNumber(1)));
    assert_eq!((told.stop, told.how), (StopStatus::NotNeeded, None));
}

pub async fn a_stuck_stop_holds_the_cleanup_until_it_is_released(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.register(at(0), cleaner(2)).await;
    let id = scene.create(at(0), job()).await;
    let grant = scene.claim_one(&worker, at(0)).await;
    canceled(scene.cancel(at(1), id).await);
    let stuck = stage(grant.fence, StopEvent::Unkillable);
    scene.report(&worker, at(2), stuck).await;
    assert_eq!(phase(&scene, id, 2).await, Some(Phase::Blocked));
    release_of(&scene, at(3), id).await;
    assert_eq!(phase(&scene, id, 3).await, Some(Phase::Ready));
    let cleaning = scene.claim_one(&worker, at(4)).await;
    let told = cleaning.cleanup_of.expect("it is a cleanup");
    assert_eq!((told.stop, told.how), (StopStatus::Stuck, None));
    // What is proven after all frees nothing a second time.
    let ended = StopEvent::Ended(How::Killed);
    scene
        .report(&worker, at(5), stage(grant.fence, ended))
        .await;
    let standing = cleanup(&scene, id).await.summary.standing;
    assert_eq!(
        (standing.state, standing.attempt),
        (State::Running, AttemptNumber(1))
    );
}

pub async fn there_is_one_cleanup_however_often_it_is_canceled(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    scene
        .cancel_all(at(1), vec![cascade(id), cascade(id)])
        .await;
    let first = cleanup(&scene, id).await.summary.id;
    scene.cancel(at(2), id).await;
    assert_eq!(cleanup(&scene, id).await.summary.id, first);
    assert_eq!(
        scene
            .store
            .decide_descendants(at(3), 10)
            .await
            .expect("it is served")
            .ended,
        []
    );
    let all = ExecutionFilter {
        limit: 10,
        ..ExecutionFilter::default()
    };
    let listed = scene
        .store
        .list_executions(&home(), all)
        .await
        .expect("it is served");
    let listed: Vec<_> = listed.iter().map(|one| (one.id, one.cleanup_of)).collect();
    assert_eq!(listed, [(first, Some(id)), (id, None)]);
}

pub async fn a_cleanup_that_is_canceled_owes_none(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    canceled(scene.cancel(at(1), id).await);
    let owed = cleanup(&scene, id).await.summary.id;
    canceled(scene.cancel(at(2), owed).await);
    owes_none(&scene, owed).await;
    assert_eq!(granted(&scene.claim(&worker, at(3), 1).await), []);
    let state = cleanup(&scene, id).await.summary.standing.state;
    assert_eq!(state, State::Canceled);
}

pub async fn nothing_is_owed_for_what_ended_otherwise_or_has_no_cleanup(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let plain = scene.create(at(0), job()).await;
    canceled(scene.cancel(at(0), plain).await);
    let worker = cleaning(&scene, 1).await;
    owes_none(&scene, plain).await;
    let done = scene.create(at(2), job()).await;
    let grant = scene.claim_one(&worker, at(2)).await;
    scene.finish(&worker, at(3), succeeded(grant.fence)).await;
    scene.cancel(at(4), done).await;
    owes_none(&scene, done).await;
    let other = scene
        .create(at(5), job_with(|job| job.kind = kind("other")))
        .await;
    canceled(scene.cancel(at(6), other).await);
    owes_none(&scene, other).await;
    let mut foreign = job();
    foreign.namespace = abroad();
    let foreign = scene.create(at(7), foreign).await;
    let mut cancel = super::words::by_id(foreign);
    cancel.namespace = abroad();
    scene.cancel_all(at(8), vec![cancel]).await;
    let found = scene
        .store
        .get_execution(&abroad(), foreign)
        .await
        .expect("it is served");
    assert_eq!(found.expect("it is there").summary.cleanup, None);
}

pub async fn a_cleanup_goes_only_to_those_who_clean_up(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let cleaner = cleaning(&scene, 0).await;
    let plain = scene.worker(at(0), 1).await;
    let id = scene.create(at(0), job()).await;
    canceled(scene.cancel(at(1), id).await);
    assert_eq!(granted(&scene.claim(&plain, at(2), 1).await), []);
    let grant = scene.claim_one(&cleaner, at(3)).await;
    assert!(grant.cleanup_of.is_some());
}

pub async fn it_is_owed_while_one_lives_that_cleans_up_or_the_last_one_did(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let owed = async |ms| {
        let id = scene.create(at(ms), job()).await;
        canceled(scene.cancel(at(ms), id).await);
        scene.record(id).await.summary.cleanup.is_some()
    };
    let cleaner = cleaning(&scene, 0).await;
    let plain = scene.worker(at(1), 1).await;
    assert!(owed(2).await, "the one beside it lives");
    scene.goodbye(&cleaner, at(3), vec![]).await;
    assert!(owed(4).await, "nobody took it back");
    scene.worker(at(5), 1).await;
    assert!(
        !owed(6).await,
        "the last one does not, and none lives that does"
    );
    cleaning(&scene, 7).await;
    assert!(owed(8).await);
    scene.goodbye(&plain, at(9), vec![]).await;
    assert!(owed(10).await);
}

pub async fn the_terms_are_those_that_were_declared_last(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    cleaning(&scene, 0).await;
    let mut newer = cleaner(1);
    newer.cleanups[0].1 = CleanupTerms::new(9_000, 5).expect("within the limits");
    scene.register(at(1), newer).await;
    let id = scene.create(at(2), job()).await;
    canceled(scene.cancel(at(2), id).await);
    let owed = cleanup(&scene, id).await;
    assert_eq!(owed.options.attempt_timeout_ms, Some(9_000));
    assert_eq!(owed.summary.standing.policy.max_attempts, 5);
}

pub async fn a_cleanup_that_fails_is_tried_again_and_then_shown(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    canceled(scene.cancel(at(1), id).await);
    let grant = scene.claim_one(&worker, at(2)).await;
    scene.finish(&worker, at(3), failed(grant.fence)).await;
    assert_eq!(
        cleanup(&scene, id).await.summary.standing.state,
        State::Pending
    );
    let later = 3 + ExecutionOptions::default().retry.backoff.bound_ms(1);
    scene.promote(at(later)).await;
    let again = scene.claim_one(&worker, at(later)).await;
    assert_eq!(again.fence.execution, grant.fence.execution);
    assert_eq!(again.fence.attempt, AttemptNumber(2));
    assert_eq!(again.cleanup_of, grant.cleanup_of);
    scene
        .finish(&worker, at(later + 1), failed(again.fence))
        .await;
    let shown = cleanup(&scene, id).await;
    assert_eq!(shown.summary.standing.state, State::Failed);
    assert!(shown.last_error.is_some(), "{shown:?}");
    assert_eq!(shown.attempts.len(), 2);
}

pub async fn a_cleanup_that_runs_too_long_is_stopped_with_a_record_of_its_own(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    canceled(scene.cancel(at(1), id).await);
    scene.claim_one(&worker, at(2)).await;
    assert_eq!(scene.time_out(at(2 + 7_000)).await, 1);
    let owed = cleanup(&scene, id).await;
    let stop = owed.attempts[0].stop.as_ref().expect("it is being stopped");
    assert_eq!(
        (stop.cause, stop.status),
        (StopCause::Timeout, StopStatus::Requested)
    );
    assert!(owed.summary.standing.stop_unproven);
    assert_eq!(scene.record(id).await.attempts, []);
}

pub async fn a_lost_reply_tells_again_what_the_cleanup_is_for(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    canceled(scene.cancel(at(1), id).await);
    let first = scene.claim_one(&worker, at(2)).await;
    let again = worker.claim_again(worker.last_seq(), 1);
    let repeat = scene.served(at(3), again).await.grants;
    assert_eq!(repeat.len(), 1);
    assert_eq!(repeat[0].cleanup_of, first.cleanup_of);
    assert!(repeat[0].cleanup_of.is_some());
}

pub async fn every_way_to_be_canceled_owes_it(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    cleaning(&scene, 0).await;
    // With many.
    let of_many = scene.create(at(1), job()).await;
    let batch = CancelBatch {
        namespace: home(),
        items: vec![CancelItem {
            id: of_many,
            reference: None,
        }],
        actor: somebody(),
        reason: None,
        states: None,
        since: None,
        request_id: None,
        not_after: None,
    };
    scene
        .store
        .cancel_batch(at(2), batch)
        .await
        .expect("it is served");
    assert_eq!(phase(&scene, of_many, 2).await, Some(Phase::Ready));
    // With its parent, before and after that.
    let parent = scene.create(at(3), job()).await;
    let child = scene.create(at(3), child_of(parent)).await;
    scene.cancel_all(at(4), vec![cascade(parent)]).await;
    scene
        .store
        .decide_descendants(at(5), 10)
        .await
        .expect("it is served");
    let born_canceled = scene.create(at(6), child_of(parent)).await;
    for id in [parent, child, born_canceled] {
        assert_eq!(phase(&scene, id, 6).await, Some(Phase::Ready));
    }
    // Before it was created.
    let target = by_key("early").target;
    let early = canceled(scene.cancel_target(at(7), target).await)
        .summary
        .id;
    owes_none(&scene, early).await;
    let filled = replayed(scene.submit(at(8), keyed("early", 1)).await);
    assert_eq!(filled.summary.id, early);
    assert_eq!(phase(&scene, early, 8).await, Some(Phase::Ready));
    replayed(scene.submit(at(9), keyed("early", 1)).await);
}

fn said(grant: &Grant, percent: u8, message: &str) -> SaidProgress {
    SaidProgress {
        attempt: held(grant),
        percent: Some(percent),
        message: Some(message.into()),
    }
}

pub async fn the_last_word_of_the_last_attempt_is_told(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    let grant = scene.claim_one(&worker, at(1)).await;
    let beat = async |now: Timestamp, progress: Vec<SaidProgress>| {
        let heartbeat = Heartbeat {
            progress,
            ..worker.beat(&[held(&grant)])
        };
        scene.beat(now, heartbeat).await;
    };
    beat(at(2), vec![said(&grant, 10, "one")]).await;
    beat(at(3), vec![said(&grant, 60, "two")]).await;
    beat(at(4), vec![said(&grant, 60, "two")]).await;
    // What was never its own says nothing.
    let mut forged = said(&grant, 99, "forged");
    forged.attempt.1 = AttemptNumber(2);
    beat(at(5), vec![forged]).await;
    canceled(scene.cancel(at(6), id).await);
    // The worker, and all it has in memory, is lost.
    scene.expire(at(5 + LEASE_MS + 1)).await;
    let other = cleaning(&scene, LEASE_MS + 10).await;
    let cleaning = scene.claim_one(&other, at(LEASE_MS + 11)).await;
    let told = cleaning.cleanup_of.and_then(|told| told.progress);
    let expected = LastProgress {
        attempt: AttemptNumber(1),
        at: at(3),
        percent: Some(60),
        message: Some("two".into()),
    };
    assert_eq!(told, Some(expected));
}

pub async fn what_owes_a_cleanup_is_kept_until_that_has_ended(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    canceled(scene.cancel(at(1), id).await);
    let long_after = 100 * 86_400_000;
    let forget = async |ms| {
        let retention = Retention {
            history_ms: 10 * 86_400_000,
        };
        scene
            .store
            .forget(at(ms), retention, 100)
            .await
            .expect("it is served")
            .rows
    };
    assert_eq!(forget(long_after).await, 0);
    let other = cleaning(&scene, long_after + 1).await;
    let grant = scene.claim_one(&other, at(long_after + 2)).await;
    assert_eq!(
        grant.cleanup_of.as_ref().map(|told| told.execution),
        Some(id)
    );
    let verdict = scene
        .finish(&other, at(long_after + 3), succeeded(grant.fence))
        .await;
    assert_eq!(verdict, HandInVerdict::Applied);
    assert_eq!(forget(long_after + 4).await, 1);
    let cleanup = grant.fence.execution;
    scene.record(cleanup).await;
    // And the cleanup for its own time.
    forget(2 * long_after).await;
    let gone = scene
        .store
        .get_execution(&home(), cleanup)
        .await
        .expect("it is served");
    assert!(gone.is_none());
}

pub async fn declarations_and_debts_outlive_a_restart(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let first = scene.create(at(1), job()).await;
    let grant = scene.claim_one(&worker, at(1)).await;
    canceled(scene.cancel(at(2), first).await);
    let scene = scene.reopened(h).await;
    assert_eq!(phase(&scene, first, 3).await, Some(Phase::Blocked));
    let second = scene.create(at(3), job()).await;
    canceled(scene.cancel(at(3), second).await);
    assert_eq!(phase(&scene, second, 3).await, Some(Phase::Ready));
    let ended = StopEvent::Ended(How::Killed);
    scene
        .report(&worker, at(4), stage(grant.fence, ended))
        .await;
    assert_eq!(phase(&scene, first, 4).await, Some(Phase::Ready));
}

pub async fn a_cleanup_is_counted_in_its_queue_and_opens_with_it(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = cleaning(&scene, 0).await;
    let id = scene.create(at(0), job()).await;
    let queue = scene.record(id).await.summary.queue;
    let counts = async || {
        let told = super::queues::told(&scene, queue.as_str()).await;
        let counts = told.counts;
        (
            counts.ready,
            counts.blocked,
            counts.running,
            counts.stopping,
        )
    };
    let grant = scene.claim_one(&worker, at(1)).await;
    assert_eq!(counts().await, (0, 0, 1, 0));
    canceled(scene.cancel(at(2), id).await);
    assert_eq!(counts().await, (0, 1, 0, 1));
    let ended = StopEvent::Ended(How::Killed);
    scene
        .report(&worker, at(3), stage(grant.fence, ended))
        .await;
    assert_eq!(counts().await, (1, 0, 0, 0));
    let grant = scene.claim_one(&worker, at(4)).await;
    assert_eq!(counts().await, (0, 0, 1, 0));
    scene.finish(&worker, at(5), succeeded(grant.fence)).await;
    assert_eq!(counts().await, (0, 0, 0, 0));
}
