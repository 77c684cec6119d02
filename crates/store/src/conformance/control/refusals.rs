//! Bindings that fail: tried again, or refused, tombstoned and free again.

use taskpilot_domain::binding::TaskStatus;

use super::scene::{Scene, shown};
use super::words::{at, demo, error, execution, failure, key, request};
use crate::conformance::ControlHarness;
use crate::control::BindingFailure;
use crate::rows::bindings::{BeginBindingOutcome, BindingRecord, FinishBindingOutcome};
use crate::rows::tasks::TaskRecord;

pub async fn a_failure_is_shown_and_counted(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.binding(demo(), "a").await;
    let before = scene.only_due().await;
    scene
        .fail(
            at(5),
            task.id,
            "a",
            failure("scheduler_unavailable", at(80)),
        )
        .await;
    let expected = BindingRecord {
        tries: 1,
        next_try_at: at(80),
        ..before
    };
    assert_eq!(scene.only_due().await, expected);
    let expected = TaskRecord {
        bind_error: Some(error("scheduler_unavailable")),
        version: 3,
        updated_at: at(5),
        ..task
    };
    assert_eq!(scene.task(expected.id).await, expected);
    scene.finish(at(6), expected.id, "a", execution(7)).await;
    assert_eq!(scene.task(expected.id).await.bind_error, None);
}

pub async fn the_same_failure_again_is_no_new_version(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    scene.fail(at(5), id, "a", failure("timeout", at(80))).await;
    let failed = scene.task(id).await;
    scene
        .fail(at(90), id, "a", failure("timeout", at(200)))
        .await;
    assert_eq!(scene.task(id).await, failed);
    let binding = scene.only_due().await;
    assert_eq!((binding.tries, binding.next_try_at), (2, at(200)));
}

pub async fn a_refused_binding_waits_for_its_tombstone(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    scene.fail(at(5), id, "a", refusal()).await;
    let binding = scene.only_due().await;
    assert_eq!(
        (binding.refused, binding.next_try_at, binding.tries),
        (Some(error("invalid_options")), at(6), 1)
    );
    let task = scene.task(id).await;
    assert_eq!(
        task.status,
        TaskStatus::Binding,
        "a create may be on its way"
    );
    let begun = scene.begin(at(7), id, "b").await;
    assert!(
        matches!(begun, BeginBindingOutcome::InProgress(_)),
        "{begun:?}"
    );
}

pub async fn an_abandoned_task_is_pending_with_its_error(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = abandoned(&scene).await;
    assert_eq!(
        (task.status, task.execution, task.bind_error.as_ref()),
        (TaskStatus::Pending, None, Some(&error("invalid_options")))
    );
    assert_eq!(task.updated_at, at(9));
    assert_eq!(scene.ever_due().await, []);
    // Again changes nothing.
    abandon(&scene, &task, "a").await;
    assert_eq!(scene.task(task.id).await, task);
}

pub async fn a_new_begin_has_a_key_of_its_own(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = abandoned(&scene).await;
    let binding = shown(scene.begin(at(20), task.id, "b").await);
    assert_eq!(
        (&binding.request, binding.tries, &binding.refused),
        (&request("b"), 0, &None)
    );
    let expected = TaskRecord {
        status: TaskStatus::Binding,
        binding_key: Some("b".into()),
        bind_error: None,
        version: task.version + 1,
        updated_at: at(20),
        ..task
    };
    assert_eq!(scene.task(expected.id).await, expected);
}

pub async fn answers_to_an_earlier_key_change_nothing(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = abandoned(&scene).await.id;
    scene.begin(at(20), id, "b").await;
    let (task, binding) = (scene.task(id).await, scene.only_due().await);
    let late = scene.finish(at(30), id, "a", execution(7)).await;
    assert_eq!(late, FinishBindingOutcome::Alarm { stored: None });
    scene.fail(at(30), id, "a", refusal()).await;
    abandon(&scene, &task, "a").await;
    scene.settle(at(30), id, "a").await;
    let sent = scene.store.mark_plain_sent(at(30), id, &key("a")).await;
    assert!(!sent.unwrap());
    assert_eq!(scene.task(id).await, task);
    assert_eq!(scene.only_due().await, binding);
}

pub async fn a_failure_after_the_finish_changes_nothing(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let bound = scene.bound(demo(), "a").await;
    scene.fail(at(30), bound.id, "a", refusal()).await;
    assert_eq!(scene.task(bound.id).await, bound);
    assert_eq!(scene.ever_due().await, []);
}

pub async fn abandoning_a_bound_task_changes_nothing(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let bound = scene.bound(demo(), "a").await;
    abandon(&scene, &bound, "a").await;
    assert_eq!(scene.task(bound.id).await, bound);
}

fn refusal() -> BindingFailure {
    BindingFailure {
        refused: true,
        ..failure("invalid_options", at(6))
    }
}

async fn abandon(scene: &Scene, task: &TaskRecord, under: &str) {
    let key = key(under);
    let error = error("invalid_options");
    let abandoned = scene.store.abandon_binding(at(9), task.id, &key, error);
    abandoned.await.unwrap();
}

/// A task whose binding under `a` was refused and abandoned at `at(9)`.
async fn abandoned(scene: &Scene) -> TaskRecord {
    let task = scene.binding(demo(), "a").await;
    scene.fail(at(5), task.id, "a", refusal()).await;
    abandon(scene, &task, "a").await;
    scene.task(task.id).await
}
