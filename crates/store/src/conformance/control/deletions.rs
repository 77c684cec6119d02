//! Deletions: of what nothing runs for, once and for all.

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::{ExecutionId, TaskId};

use super::scene::Scene;
use super::words::{
    abroad, all, at, demo, execution, home, intent, keyed, labeled, labels_of, nowhere,
};
use crate::conformance::ControlHarness;
use crate::rows::bindings::BeginBindingOutcome;
use crate::rows::tasks::{CreateTaskOutcome, DeleteOutcome, TaskFilter};

async fn delete(scene: &Scene, id: TaskId, ended: Option<ExecutionId>) -> DeleteOutcome {
    let deleted = scene.store.delete_task(at(5), &home(), id, ended).await;
    deleted.unwrap()
}

pub async fn a_deleted_task_is_gone_and_stays_deleted(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(labeled(&[("a", "1")])).await.id;
    assert_eq!(delete(&scene, id, None).await, DeleteOutcome::Deleted);
    assert_eq!(scene.find(id).await, None);
    assert_eq!(scene.everything().await, []);
    let labeled = TaskFilter {
        labels: labels_of(&[("a", "1")]),
        ..all()
    };
    assert_eq!(scene.ids(labeled).await, []);
    assert_eq!(delete(&scene, id, None).await, DeleteOutcome::Deleted);
    assert!(scene.create(demo()).await.id > id, "an id is given once");
}

pub async fn a_binding_task_is_not_deleted(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.binding(demo(), "a").await;
    let refused = delete(&scene, task.id, Some(execution(7))).await;
    assert_eq!(refused, DeleteOutcome::Binding);
    assert_eq!(scene.task(task.id).await, task);
}

pub async fn a_bound_task_is_deleted_once_its_execution_has_ended(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.bound(demo(), "a").await;
    for ended in [None, Some(execution(8))] {
        let refused = delete(&scene, task.id, ended).await;
        assert_eq!(refused, DeleteOutcome::Bound(task.clone()));
    }
    assert_eq!(scene.task(task.id).await, task);
    let deleted = delete(&scene, task.id, Some(execution(7))).await;
    assert_eq!(deleted, DeleteOutcome::Deleted);
    let found = scene
        .store
        .find_bound_tasks(&home(), vec![execution(7)])
        .await;
    assert_eq!((scene.find(task.id).await, found.unwrap()), (None, vec![]));
}

pub async fn a_key_outlives_its_task_and_creates_no_other(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(keyed("k", 1)).await.id;
    delete(&scene, id, None).await;
    let again = scene.submit(vec![keyed("k", 1), keyed("k", 2)]).await;
    assert_eq!(
        again,
        [CreateTaskOutcome::Gone(id), CreateTaskOutcome::Mismatch]
    );
    assert_eq!(scene.everything().await, []);
}

pub async fn a_begin_and_a_deletion_never_both_win(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    for round in 0..20 {
        let id = scene.create(demo()).await.id;
        let key = format!("key-{round}");
        let (begun, deleted) = tokio::join!(scene.begin(at(1), id, &key), delete(&scene, id, None));
        let status = scene.find(id).await.map(|task| task.status);
        match (begun, deleted) {
            (BeginBindingOutcome::Begun(_), DeleteOutcome::Binding) => {
                assert_eq!(status, Some(TaskStatus::Binding));
            }
            (BeginBindingOutcome::Missing, DeleteOutcome::Deleted) => assert_eq!(status, None),
            other => panic!("{other:?}"),
        }
    }
}

pub async fn a_deletion_ends_a_cancel_that_is_owed(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    scene.intend(id, intent("ada", at(1))).await;
    scene.finish(at(2), id, "a", execution(7)).await;
    assert_eq!(scene.ever_due().await.len(), 1);
    let deleted = delete(&scene, id, Some(execution(7))).await;
    assert_eq!(deleted, DeleteOutcome::Deleted);
    assert_eq!(scene.ever_due().await, []);
}

pub async fn what_never_was_here_is_not_deleted(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let missing = delete(&scene, nowhere(), None).await;
    assert_eq!(missing, DeleteOutcome::Missing);
    let id = scene.create(demo()).await.id;
    let abroad = abroad();
    let outcome = scene.store.delete_task(at(5), &abroad, id, None).await;
    assert_eq!(outcome.unwrap(), DeleteOutcome::Missing);
    delete(&scene, id, None).await;
    let outcome = scene.store.delete_task(at(5), &abroad, id, None).await;
    assert_eq!(outcome.unwrap(), DeleteOutcome::Missing);
}
