//! What was answered is there after a restart, and ids go on from where they were.

use taskpilot_domain::limits::BINDING_OVERDUE_MS;

use super::scene::{Scene, intended};
use super::words::{
    at, demo, error, execution, failure, for_an_operator, home, intent, key, keyed, labeled,
};
use crate::conformance::ControlHarness;
use crate::control::BindingFailure;
use crate::rows::tasks::CreateTaskOutcome;

pub async fn everything_is_there_after_a_restart(h: &mut impl ControlHarness) {
    let scene = Scene::of(h);
    scene.create(labeled(&[("team", "ops")])).await;
    let withdrawn = scene.create(demo()).await.id;
    let withdrawn = scene.store.withdraw_task(at(1), &home(), withdrawn).await;
    withdrawn.unwrap();
    scene.bound(demo(), "bound").await;
    let failed = scene.binding(demo(), "failed").await.id;
    let refused = BindingFailure {
        refused: true,
        ..failure("invalid_options", at(9))
    };
    scene.fail(at(5), failed, "failed", refused).await;
    let parked = scene.binding(demo(), "parked").await.id;
    scene.fail(at(5), parked, "parked", for_an_operator()).await;
    let canceled = scene.binding(demo(), "canceled").await.id;
    scene.intend(canceled, intent("ada", at(6))).await;
    let freed = scene.binding(demo(), "freed").await.id;
    let freed = scene
        .store
        .abandon_binding(at(7), freed, &key("freed"), error("invalid_options"))
        .await;
    freed.unwrap();
    let before = (scene.everything().await, scene.ever_due().await);
    assert_eq!((before.0.len(), before.1.len()), (7, 2));
    drop(scene);
    h.restart().await;
    let scene = Scene::of(h);
    assert_eq!((scene.everything().await, scene.ever_due().await), before);
    scene.store.check().await.unwrap();
}

pub async fn ids_are_never_given_twice(h: &mut impl ControlHarness) {
    let mut last = None;
    for _ in 0..3 {
        let scene = Scene::of(h);
        let id = scene.create(demo()).await.id;
        assert!(Some(id) > last, "{id} after {last:?}");
        last = Some(id);
        drop(scene);
        h.restart().await;
    }
}

pub async fn keys_hold_over_a_restart(h: &mut impl ControlHarness) {
    let scene = Scene::of(h);
    let first = scene.create(keyed("k", 1)).await;
    drop(scene);
    h.restart().await;
    let scene = Scene::of(h);
    let again = scene.submit(vec![keyed("k", 1), keyed("k", 2)]).await;
    assert_eq!(
        again,
        [
            CreateTaskOutcome::Replayed(first, None),
            CreateTaskOutcome::Mismatch
        ]
    );
}

pub async fn the_plain_body_is_not_sent_again_after_a_restart(h: &mut impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let sent = scene.store.mark_plain_sent(at(5), id, &key("a")).await;
    assert!(sent.unwrap());
    drop(scene);
    h.restart().await;
    let scene = Scene::of(h);
    let sent = scene.store.mark_plain_sent(at(6), id, &key("a")).await;
    assert!(!sent.unwrap());
}

pub async fn an_intent_is_not_lost_in_a_restart(h: &mut impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let owed = intended(scene.intend(id, intent("ada", at(5))).await);
    scene.finish(at(6), id, "a", execution(7)).await;
    drop(scene);
    h.restart().await;
    let scene = Scene::of(h);
    let due = scene.due(at(BINDING_OVERDUE_MS)).await;
    let carried: Vec<_> = due.into_iter().map(|binding| binding.cancels).collect();
    assert_eq!(carried, [owed.cancels]);
}
