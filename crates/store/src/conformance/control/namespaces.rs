//! What belongs to another namespace does not exist.

use taskpilot_domain::binding::TaskStatus;

use super::scene::Scene;
use super::words::{
    abroad, all, at, demo, execution, home, intent, kind, labeled, labels_of, request,
};
use crate::conformance::ControlHarness;
use crate::rows::bindings::{BeginBindingOutcome, IntendCancelOutcome};
use crate::rows::tasks::{TaskFilter, TaskPage, WithdrawOutcome};

pub async fn a_foreign_task_is_not_read_or_listed(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.create(labeled(&[("team", "ops")])).await;
    let read = scene.store.get_task(&abroad(), task.id).await;
    assert_eq!(read.unwrap(), None);
    let filters = [
        all(),
        TaskFilter {
            status: Some(TaskStatus::Pending),
            ..all()
        },
        TaskFilter {
            kind: Some(kind("demo")),
            ..all()
        },
        TaskFilter {
            labels: labels_of(&[("team", "ops")]),
            ..all()
        },
    ];
    for filter in filters {
        let listed = scene.store.list_tasks(&abroad(), filter).await;
        assert_eq!(listed.unwrap(), TaskPage::default());
    }
}

pub async fn a_foreign_task_is_not_changed(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let pending = scene.create(demo()).await;
    let binding = scene.binding(demo(), "a").await;
    let bound = scene.bound(demo(), "b").await;
    let due = scene.ever_due().await;
    for task in [&pending, &binding, &bound] {
        let withdrawn = scene.store.withdraw_task(at(5), &abroad(), task.id).await;
        assert_eq!(withdrawn.unwrap(), WithdrawOutcome::Missing);
        let begun = scene
            .store
            .begin_binding(at(5), &abroad(), task.id, request("c"))
            .await;
        assert_eq!(begun.unwrap(), BeginBindingOutcome::Missing);
        let intended = scene
            .store
            .intend_cancel(at(5), &abroad(), task.id, intent("eve", at(5)))
            .await;
        assert_eq!(intended.unwrap(), IntendCancelOutcome::Missing);
    }
    assert_eq!(scene.everything().await, [bound, binding, pending]);
    assert_eq!(scene.ever_due().await, due);
}

pub async fn a_foreign_task_is_not_found_by_its_execution(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.bound(demo(), "a").await;
    for (namespace, expected) in [
        (home(), vec![(execution(7), task.id)]),
        (abroad(), Vec::new()),
    ] {
        let asked = vec![execution(7)];
        let found = scene.store.find_bound_tasks(&namespace, asked).await;
        assert_eq!(found.unwrap(), expected);
    }
}
