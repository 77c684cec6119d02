//! What the reconciler is shown: due bindings only, the longest due first.

use taskpilot_domain::limits::BINDING_OVERDUE_MS;

use super::scene::Scene;
use super::words::{at, demo, failure, for_an_operator};
use crate::conformance::ControlHarness;

pub async fn a_new_binding_is_due_when_its_call_is_overdue(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    assert_eq!(scene.due_ids(at(BINDING_OVERDUE_MS)).await, []);
    assert_eq!(scene.due_ids(at(1 + BINDING_OVERDUE_MS)).await, [id]);
}

pub async fn the_longest_due_comes_first(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let mut due = Vec::new();
    for (key, at_ms) in [("a", 300), ("b", 100), ("c", 200), ("d", 100)] {
        let id = scene.binding(demo(), key).await.id;
        scene
            .fail(at(5), id, key, failure("timeout", at(at_ms)))
            .await;
        due.push((at_ms, id));
    }
    due.sort_unstable();
    let due: Vec<_> = due.into_iter().map(|(_, id)| id).collect();
    assert_eq!(scene.due_ids(at(300)).await, due);
    assert_eq!(scene.due_ids(at(299)).await, due[..3]);
}

pub async fn a_page_of_due_bindings_is_bounded(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    for key in ["a", "b", "c"] {
        scene.binding(demo(), key).await;
    }
    let now = at(1 + BINDING_OVERDUE_MS);
    let page = scene.store.list_due_bindings(now, 2).await.unwrap();
    assert_eq!(page, scene.due(now).await[..2]);
}

pub async fn a_failed_try_is_due_when_it_said(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    scene
        .fail(at(5), id, "a", failure("timeout", at(9_000_000)))
        .await;
    assert_eq!(scene.due_ids(at(8_999_999)).await, []);
    assert_eq!(scene.due_ids(at(9_000_000)).await, [id]);
}

pub async fn a_binding_for_an_operator_is_never_due(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    scene.fail(at(5), id, "a", for_an_operator()).await;
    assert_eq!(scene.ever_due().await, []);
    scene.fail(at(6), id, "a", failure("timeout", at(7))).await;
    assert_eq!(scene.due_ids(at(7)).await, [id]);
}
