//! Creates: what is stored, what a key stands for, which ids are given.

use std::sync::Arc;

use taskpilot_domain::execution::{Standing, State};
use taskpilot_domain::options::{ExecutionOptions, Priority};
use taskpilot_domain::retry::{Backoff, RetryPolicy};

use super::scene::Scene;
use super::words::{
    assert_same, at, created, home, job, job_with, key, keyed, keyed_long_ago, kind, queue,
    replayed,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::{
    CreateOutcome, ExecutionFilter, ExecutionRecord, ExecutionSummary, NewExecution,
};

pub async fn a_new_execution_stands_as_it_was_asked_for(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let new = with_every_option();
    let record = created(scene.submit(at(5), new.clone()).await);
    let scheduled_for = at(9_000);
    let expected = ExecutionRecord {
        summary: ExecutionSummary {
            id: record.summary.id,
            kind: Some(new.kind.clone()),
            queue: new.options.queue.clone(),
            priority: new.options.priority,
            standing: Standing::accepted(scheduled_for, new.options.retry),
            accepted_at: at(5),
            completed_at: None,
            held_back: None,
            worker: None,
            cleanup_of: None,
            cleanup: None,
        },
        namespace: home(),
        payload: Some(Arc::clone(&new.payload)),
        reference: new.reference.clone(),
        key: Some(key("k")),
        family: None,
        options: ExecutionOptions {
            scheduled_for: record.options.scheduled_for,
            ..new.options.clone()
        },
        result: None,
        last_error: None,
        cancel: None,
        attempts: Vec::new(),
        cleanup: None,
    };
    assert_same(&record, &expected);
    assert_same(&scene.record(record.summary.id).await, &expected);
}

fn with_every_option() -> NewExecution {
    NewExecution {
        kind: kind("report/daily:v2"),
        payload: Arc::from(r#"{ "text": "Straße — 東京 \u0000 \"x\"" , "n": 1.0 }"#),
        reference: Some("task/7".into()),
        options: ExecutionOptions {
            queue: queue("mail.eu-1"),
            priority: Priority(-10),
            scheduled_for: Some(at(9_000)),
            retry: RetryPolicy {
                max_attempts: 7,
                backoff: Backoff {
                    initial_ms: 10,
                    max_ms: 86_400_000,
                    factor: 1.7,
                },
            },
            attempt_timeout_ms: Some(2_592_000_000),
            deadline: Some(at(1_000_000)),
            cancel_grace_ms: 0,
            cancel_children: true,
        },
        ..keyed("k", 1)
    }
}

pub async fn an_execution_that_names_no_time_is_due_at_its_acceptance(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(70), job()).await;
    let expected = Standing::accepted(at(70), RetryPolicy::default());
    assert_eq!(scene.standing(id).await, expected);
}

pub async fn a_time_in_the_past_is_kept_and_due_at_once(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let early = job_with(|job| job.options.scheduled_for = Some(at(10)));
    let id = scene.create(at(70), early).await;
    let expected = Standing::accepted(at(10), RetryPolicy::default());
    assert_eq!(scene.standing(id).await, expected);
    let worker = scene.worker(at(70), 1).await;
    assert_eq!(
        scene.claim_one(&worker, at(70)).await.fence.execution,
        id,
        "it waits for nothing"
    );
}

pub async fn a_large_payload_is_kept_byte_for_byte(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let payload: Arc<str> = Arc::from(format!("\"{}\"", "ä€😀\\n".repeat(60_000)));
    let id = scene
        .create(at(0), job_with(|job| job.payload = Arc::clone(&payload)))
        .await;
    let worker = scene.worker(at(0), 1).await;
    let grant = scene.claim_one(&worker, at(0)).await;
    assert!(grant.payload == payload, "the worker gets it whole");
    let kept = scene.record(id).await.payload;
    assert!(kept == Some(payload), "so does a reader");
}

pub async fn a_batch_of_nothing_answers_nothing(h: &impl SchedulerHarness) {
    let outcomes = Scene::of(h)
        .store
        .create_executions(at(0), Vec::new())
        .await
        .expect("an empty batch is served");
    assert!(outcomes.is_empty());
}

pub async fn a_repeated_key_answers_the_same_execution_as_it_is_now(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (_worker, grant) = scene.running(at(0), keyed("k", 1)).await;
    let record = replayed(scene.submit(at(50), keyed("k", 1)).await);
    assert_eq!(record.summary.id, grant.fence.execution);
    assert_eq!(record.summary.standing.state, State::Running);
    assert_same(&record, &scene.record(grant.fence.execution).await);
    assert_eq!(count_of_all(&scene).await, 1);
}

pub async fn a_key_with_another_body_is_a_mismatch(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), keyed("k", 1)).await;
    let before = scene.record(id).await;
    let outcome = scene.submit(at(1), keyed("k", 2)).await;
    assert!(matches!(outcome, CreateOutcome::Mismatch), "{outcome:?}");
    assert_same(&scene.record(id).await, &before);
    assert_eq!(count_of_all(&scene).await, 1);
}

pub async fn a_key_twice_in_one_call_is_folded(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let batch = vec![
        keyed("k", 1),
        job(),
        keyed("k", 1),
        keyed("k", 2),
        keyed("l", 2),
        job(),
    ];
    let outcomes = scene
        .store
        .create_executions(at(0), batch)
        .await
        .expect("the batch is served");
    let found: Vec<(&str, Option<i64>)> = outcomes
        .iter()
        .map(|outcome| match outcome {
            CreateOutcome::Created(record) => ("created", Some(record.summary.id.get())),
            CreateOutcome::Replayed(record) => ("replayed", Some(record.summary.id.get())),
            CreateOutcome::Mismatch => ("mismatch", None),
            CreateOutcome::Expired => ("expired", None),
            CreateOutcome::NoChild(_) => ("no child", None),
        })
        .collect();
    let kinds: Vec<&str> = found.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(
        kinds,
        [
            "created", "created", "replayed", "mismatch", "created", "created"
        ]
    );
    assert_eq!(found[2].1, found[0].1, "the repeat is the first one");
    assert_eq!(count_of_all(&scene).await, 4);
}

pub async fn an_expired_key_that_was_never_seen_creates_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let outcome = scene.submit(at(0), keyed_long_ago("k", 1)).await;
    assert!(matches!(outcome, CreateOutcome::Expired), "{outcome:?}");
    assert_eq!(count_of_all(&scene).await, 0);
    created(scene.submit(at(1), keyed("k", 2)).await);
}

pub async fn an_expired_key_that_is_known_still_answers(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), keyed("k", 1)).await;
    let record = replayed(scene.submit(at(1), keyed_long_ago("k", 1)).await);
    assert_eq!(record.summary.id, id);
    let outcome = scene.submit(at(1), keyed_long_ago("k", 2)).await;
    assert!(matches!(outcome, CreateOutcome::Mismatch), "{outcome:?}");
}

pub async fn a_key_still_answers_after_its_execution_ended(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), keyed("k", 1)).await;
    scene.cancel(at(1), id).await;
    let record = replayed(scene.submit(at(2), keyed("k", 1)).await);
    assert_eq!(record.summary.id, id);
    assert_eq!(record.summary.standing.state, State::Canceled);
}

pub async fn keys_outlive_a_restart(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let id = scene.create(at(0), keyed("k", 1)).await;
    let scene = scene.reopened(h).await;
    let record = replayed(scene.submit(at(1), keyed("k", 1)).await);
    assert_eq!(record.summary.id, id);
    let outcome = scene.submit(at(1), keyed("k", 2)).await;
    assert!(matches!(outcome, CreateOutcome::Mismatch), "{outcome:?}");
}

pub async fn ids_rise_and_are_given_once_over_a_restart(h: &mut impl SchedulerHarness) {
    let mut scene = Scene::of(h);
    let mut given = Vec::new();
    for round in 0..4 {
        given.extend(scene.create_all(at(round), vec![job(); 3]).await);
        let last = given[given.len() - 1];
        scene.cancel(at(round), last).await;
        scene = scene.reopened(h).await;
    }
    assert!(given.is_sorted_by(|one, next| one < next), "{given:?}");
}

pub async fn a_thousand_creates_in_one_call_keep_their_order(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let batch: Vec<NewExecution> = (0..1_000)
        .map(|number| job_with(|job| job.payload = Arc::from(number.to_string())))
        .collect();
    let ids = scene.create_all(at(0), batch).await;
    assert!(ids.is_sorted_by(|one, next| one < next));
    let worker = scene.worker(at(0), 1_000).await;
    let payloads: Vec<String> = scene
        .claim(&worker, at(0), 1_000)
        .await
        .iter()
        .map(|grant| grant.payload.to_string())
        .collect();
    let expected: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    assert_eq!(payloads, expected);
}

async fn count_of_all(scene: &Scene) -> usize {
    let filter = ExecutionFilter {
        limit: 100,
        ..ExecutionFilter::default()
    };
    let all = scene.store.list_executions(&home(), filter).await;
    all.expect("the list is served").len()
}
