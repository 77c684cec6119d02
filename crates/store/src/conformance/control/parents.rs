//! Parents of tasks: who may have one, what lists and deletions make of it, and what a wish to cancel
//! keeps.

use super::scene::{Scene, intended, owed};
use super::words::{abroad, all, at, demo, home, intent, nowhere};
use crate::conformance::ControlHarness;
use crate::rows::bindings::CancelIntent;
use crate::rows::tasks::{CreateTaskOutcome, DeleteOutcome, NewTask, TaskFilter};
use taskpilot_domain::ids::TaskId;

fn child_of(parent: TaskId) -> NewTask {
    NewTask {
        parent: Some(parent),
        ..demo()
    }
}

fn cascading(who: &str, ms: u64) -> CancelIntent {
    CancelIntent {
        cascade: true,
        ..intent(who, at(ms))
    }
}

pub async fn a_child_keeps_its_parent(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let parent = scene.create(demo()).await;
    assert_eq!(parent.parent, None);
    let child = scene.create(child_of(parent.id)).await;
    assert_eq!(child.parent, Some(parent.id));
    assert_eq!(scene.task(child.id).await, child);
    let binding = scene.binding(child_of(parent.id), "a").await;
    assert_eq!(scene.only_due().await.parent, binding.parent);
}

pub async fn a_parent_is_there_and_in_the_same_namespace(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let parent = scene.create(demo()).await.id;
    let foreign = NewTask {
        namespace: abroad(),
        ..child_of(parent)
    };
    let outcomes = scene.submit(vec![child_of(nowhere()), foreign]).await;
    let expected = [CreateTaskOutcome::NoParent, CreateTaskOutcome::NoParent];
    assert_eq!(outcomes, expected);
    assert_eq!(scene.everything().await.len(), 1);
}

pub async fn the_children_of_a_task_are_listed_newest_first(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let parent = scene.create(demo()).await.id;
    let other = scene.create(demo()).await.id;
    let first = scene.create(child_of(parent)).await.id;
    scene.create(child_of(other)).await;
    scene.create(child_of(first)).await;
    let last = scene.create(child_of(parent)).await.id;
    let of = |parent| TaskFilter {
        parent: Some(parent),
        ..all()
    };
    assert_eq!(scene.ids(of(parent)).await, [last, first]);
    assert_eq!(scene.ids(of(last)).await, []);
}

pub async fn a_task_with_children_is_not_deleted(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let parent = scene.create(demo()).await.id;
    let child = scene.create(child_of(parent)).await.id;
    let delete = async |id| {
        let deleted = scene.store.delete_task(at(5), &home(), id, None).await;
        deleted.unwrap()
    };
    assert_eq!(delete(parent).await, DeleteOutcome::HasChildren);
    assert_eq!(delete(child).await, DeleteOutcome::Deleted);
    assert_eq!(delete(parent).await, DeleteOutcome::Deleted);
}

pub async fn a_later_wish_to_cascade_is_kept_beside_the_first_wish(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    intended(scene.intend(id, intent("ada", at(5))).await);
    intended(scene.intend(id, cascading("bob", 7)).await);
    let both = owed(&[(1, intent("ada", at(5))), (2, cascading("bob", 7))]);
    assert_eq!(scene.only_due().await.cancels, both);
}
