//! Cancels by key: a cancel that overtakes its create is never lost and never undone.

use taskpilot_domain::execution::State;
use taskpilot_domain::stop::StopCause;

use super::scene::Scene;
use super::words::{
    abroad, assert_same, at, by_id, by_key, canceled, canceled_already, granted, job_with, key,
    keyed, keyed_long_ago, kind, queue, refused, replayed, somebody, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::{
    CancelRecord, CancelRequest, CreateOutcome, ExecutionRecord, NewExecution,
};

pub async fn a_key_that_was_never_seen_becomes_a_canceled_execution(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let record = cancel(&scene, 5, "k").await;
    let summary = &record.summary;
    assert_eq!(
        (
            &summary.kind,
            &record.payload,
            &record.reference,
            &record.key
        ),
        (&None, &None, &None, &Some(key("k")))
    );
    assert_eq!(summary.standing.state, State::Canceled);
    assert_eq!(summary.completed_at, Some(at(5)));
    assert_eq!(record.cancel, Some(first_verdict()));
    assert!(record.attempts.is_empty());
    assert_same(&scene.record(summary.id).await, &record);
}

async fn cancel(scene: &Scene, ms: u64, name: &str) -> ExecutionRecord {
    let outcomes = scene.cancel_all(at(ms), vec![by_key(name)]).await;
    outcomes.into_iter().map(canceled).next().expect("one")
}

fn first_verdict() -> CancelRecord {
    CancelRecord {
        cause: StopCause::User,
        requested_at: at(5),
        requested_by: somebody(),
        reason: Some("no longer wanted".into()),
        later_count: 0,
        later: Vec::new(),
    }
}

fn late_body() -> NewExecution {
    let mut new = keyed("k", 1);
    new.kind = kind("job");
    new.reference = Some("task/7".into());
    new.options.queue = queue("mail");
    new
}

pub async fn a_delayed_create_takes_the_tombstone_and_never_runs(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = cancel(&scene, 5, "k").await.summary.id;
    let record = replayed(scene.submit(at(9), late_body()).await);
    assert_eq!(record.summary.id, id);
    assert_eq!(record.summary.standing.state, State::Canceled);
    assert_eq!(record.summary.completed_at, Some(at(5)));
    assert_eq!(record.cancel, Some(first_verdict()));
    assert_eq!(
        (
            &record.summary.kind,
            &record.summary.queue,
            &record.payload,
            &record.reference
        ),
        (
            &Some(kind("job")),
            &queue("mail"),
            &Some(late_body().payload),
            &Some("task/7".into())
        ),
        "it shows what was asked for"
    );
    assert_same(&scene.record(id).await, &record);

    let mut new = super::words::session(5);
    new.queues = vec![queue("default"), queue("mail")];
    let worker = scene.register(at(10), new).await;
    scene.promote(at(10)).await;
    assert_eq!(granted(&scene.claim(&worker, at(10), 5).await), []);
}

pub async fn the_first_create_after_a_tombstone_fixes_its_body(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = cancel(&scene, 5, "k").await.summary.id;
    replayed(scene.submit(at(9), keyed("k", 1)).await);
    let again = replayed(scene.submit(at(10), keyed("k", 1)).await);
    assert_eq!(again.summary.id, id);
    let other = scene.submit(at(11), keyed("k", 2)).await;
    assert!(matches!(other, CreateOutcome::Mismatch), "{other:?}");
}

pub async fn a_tombstone_outlives_a_restart_and_the_age_of_its_key(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = cancel(&scene, 5, "k").await.summary.id;
    let scene = scene.reopened(h).await;
    let record = replayed(scene.submit(at(9), keyed_long_ago("k", 1)).await);
    assert_eq!(record.summary.id, id);
    assert_eq!(record.summary.standing.state, State::Canceled);
}

pub async fn a_known_key_cancels_its_execution(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let waiting = scene.create(at(0), keyed("waiting", 1)).await;
    let record = cancel(&scene, 5, "waiting").await;
    assert_eq!(record.summary.id, waiting);
    let (_worker, grant) = scene.running(at(0), keyed("running", 1)).await;
    let record = cancel(&scene, 5, "running").await;
    assert_eq!(record.summary.id, grant.fence.execution);
    assert!(record.attempts[0].stop.is_some());
}

pub async fn the_key_of_what_has_ended_refuses_a_cancel(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), keyed("k", 1)).await;
    scene.finish(&worker, at(1), succeeded(grant.fence)).await;
    let outcome = scene.cancel_all(at(5), vec![by_key("k")]).await.remove(0);
    assert_eq!(refused(outcome).summary.id, grant.fence.execution);
}

pub async fn a_repeat_by_key_keeps_the_first_verdict(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut first = cancel(&scene, 5, "k").await;
    for request in [by_key("k"), by_id(first.summary.id)] {
        first.cancel.as_mut().expect("canceled").later_count += 1;
        let repeat = CancelRequest {
            reason: Some("another".into()),
            ..request
        };
        let outcome = scene.cancel_all(at(50), vec![repeat]).await.remove(0);
        assert_same(&canceled_already(outcome), &first);
    }
}

pub async fn one_key_twice_in_a_batch_is_folded(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), keyed("known", 1)).await;
    let batch = vec![
        by_key("unseen"),
        by_key("known"),
        by_id(id),
        by_key("unseen"),
    ];
    let mut outcomes = scene.cancel_all(at(5), batch).await.into_iter();
    let mut next = || outcomes.next().expect("one outcome per item");
    let tombstone = canceled(next());
    let known = canceled(next());
    assert_eq!(known.summary.id, id);
    assert_eq!(canceled_already(next()).summary.id, id);
    assert_eq!(canceled_already(next()).summary.id, tombstone.summary.id);
}

pub async fn a_key_of_another_namespace_was_never_seen_here(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), keyed("k", 1)).await;
    let foreign = CancelRequest {
        namespace: abroad(),
        ..by_key("k")
    };
    let outcome = scene.cancel_all(at(5), vec![foreign]).await.remove(0);
    let tombstone = canceled(outcome);
    assert_eq!(tombstone.namespace, abroad());
    assert_ne!(tombstone.summary.id, id);
    assert_eq!(scene.standing(id).await.state, State::Pending);
}

pub async fn a_tombstone_keeps_its_body_from_the_first_item_of_a_batch(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = cancel(&scene, 5, "k").await.summary.id;
    let other = job_with(|job| {
        job.key = keyed("k", 2).key;
        job.kind = kind("other");
    });
    let batch = vec![keyed("k", 1), other];
    let mut outcomes = scene
        .store
        .create_executions(at(9), batch)
        .await
        .expect("the batch is served");
    let second = outcomes.remove(1);
    assert!(matches!(second, CreateOutcome::Mismatch), "{second:?}");
    let first = replayed(outcomes.remove(0));
    assert_eq!(
        (first.summary.id, first.summary.kind),
        (id, Some(kind("job")))
    );
}
