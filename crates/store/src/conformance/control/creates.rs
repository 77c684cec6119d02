//! Creates: what is kept, how a batch is answered.

use std::collections::BTreeSet;
use std::sync::Arc;

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::limits::BODY_BYTES_MAX;

use super::scene::Scene;
use super::words::{all, at, demo, home, kind, labels_of, request};
use crate::conformance::ControlHarness;
use crate::rows::tasks::{CreateTaskOutcome, NewTask, TaskRecord};

pub async fn a_new_task_is_kept_as_it_was_asked_for(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let new = NewTask {
        kind: kind("report/daily:v2"),
        title: Some("Straße — 東京 'x' \"y\"".into()),
        labels: labels_of(&[("team", "ops"), ("größe", "1;--"), ("empty", "")]),
        payload: Arc::from(r#"{ "n" : 1.0, "text":"\u0000 '", "deep":[[[]]] }"#),
        ..demo()
    };
    let created = scene.create(new.clone()).await;
    let expected = TaskRecord {
        id: created.id,
        namespace: home(),
        kind: new.kind,
        title: new.title,
        labels: new.labels,
        payload: new.payload,
        status: TaskStatus::Pending,
        execution: None,
        binding_key: None,
        bind_error: None,
        cloned_from: new.cloned_from,
        parent: new.parent,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    };
    assert_eq!(created, expected);
    assert_eq!(scene.task(created.id).await, expected);
    assert_eq!(scene.everything().await, [expected]);
}

pub async fn a_large_payload_is_kept_to_the_byte(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let payload: Arc<str> = format!("\"{}\"", "ü".repeat(BODY_BYTES_MAX / 2)).into();
    let task = NewTask {
        payload: Arc::clone(&payload),
        bind: Some(request("large")),
        ..demo()
    };
    let id = scene.create(task).await.id;
    assert_eq!(scene.task(id).await.payload, payload);
}

pub async fn a_task_that_is_bound_at_once_is_binding(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = NewTask {
        bind: Some(request("at-once")),
        ..demo()
    };
    let outcome = scene.submit(vec![task]).await.remove(0);
    let CreateTaskOutcome::Created(task, Some(binding)) = outcome else {
        panic!("no binding: {outcome:?}");
    };
    assert_eq!(
        (task.status, task.binding_key.as_deref(), task.version),
        (TaskStatus::Binding, Some("at-once"), 1)
    );
    assert_eq!((binding.task, binding.begun_at), (task.id, at(0)));
    assert_eq!(binding.request, request("at-once"));
    assert_eq!(scene.task(task.id).await, task);
    assert_eq!(scene.only_due().await, binding);
}

pub async fn a_clone_knows_what_it_was_made_from(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let source = scene.create(demo()).await.id;
    let clone = NewTask {
        cloned_from: Some(source),
        ..demo()
    };
    let clone = scene.create(clone).await;
    assert_eq!(clone.cloned_from, Some(source));
    assert_eq!(scene.task(clone.id).await, clone);
}

pub async fn a_batch_is_answered_in_its_order(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let titles: Vec<_> = (0..20).map(|n| Some(format!("task {n}"))).collect();
    let batch = titles.iter().map(|title| NewTask {
        title: title.clone(),
        ..demo()
    });
    let created = tasks(scene.submit(batch.collect()).await);
    let answered: Vec<_> = created.iter().map(|task| task.title.clone()).collect();
    assert_eq!(answered, titles);
    assert!(created.is_sorted_by(|a, b| a.id < b.id), "ids rise");
}

pub async fn a_thousand_tasks_are_one_batch(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let created = tasks(scene.submit(vec![demo(); 1_000]).await);
    let ids: BTreeSet<_> = created.iter().map(|task| task.id).collect();
    assert_eq!(ids.len(), 1_000);
    let mut listed = scene.everything().await;
    listed.reverse();
    assert_eq!(listed, created);
}

pub async fn an_empty_batch_is_no_work(h: &impl ControlHarness) {
    assert_eq!(Scene::of(h).submit(Vec::new()).await, []);
}

pub async fn concurrent_creates_all_get_ids_of_their_own(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let created = scene.race(200, |scene, _| async move { scene.create(demo()).await });
    let ids: BTreeSet<_> = created.await.into_iter().map(|task| task.id).collect();
    assert_eq!(ids.len(), 200);
    let listed: BTreeSet<_> = scene.ids(all()).await.into_iter().collect();
    assert_eq!(listed, ids);
}

pub async fn a_fresh_store_serves_writes(h: &impl ControlHarness) {
    Scene::of(h).store.check().await.unwrap();
}

fn tasks(outcomes: Vec<CreateTaskOutcome>) -> Vec<TaskRecord> {
    let outcomes = outcomes.into_iter();
    outcomes
        .map(|outcome| match outcome {
            CreateTaskOutcome::Created(task, None) => task,
            other => panic!("not created: {other:?}"),
        })
        .collect()
}
