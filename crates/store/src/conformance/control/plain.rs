//! A scheduler that does not honour keys is never sent a create twice.

use super::scene::Scene;
use super::words::{at, demo, key, nowhere};
use crate::conformance::ControlHarness;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::time::Timestamp;

pub async fn the_plain_body_is_sent_once(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    assert!(may_send(&scene, at(5), id, "a").await);
    assert_eq!(scene.only_due().await.plain_sent_at, Some(at(5)));
    assert!(!may_send(&scene, at(6), id, "a").await);
    assert_eq!(scene.only_due().await.plain_sent_at, Some(at(5)));
}

pub async fn one_of_many_racing_senders_may_send(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let answers = scene.race(50, move |scene, _| async move {
        may_send(&scene, at(5), id, "a").await
    });
    assert_eq!(answers.await.into_iter().filter(|may| *may).count(), 1);
}

pub async fn nothing_is_sent_under_another_key(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    assert!(!may_send(&scene, at(5), id, "b").await);
    assert!(!may_send(&scene, at(5), nowhere(), "a").await);
    assert_eq!(scene.only_due().await.plain_sent_at, None);
}

pub async fn nothing_is_sent_once_it_is_bound(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.bound(demo(), "a").await.id;
    assert!(!may_send(&scene, at(5), id, "a").await);
}

async fn may_send(scene: &Scene, now: Timestamp, id: TaskId, under: &str) -> bool {
    let sent = scene.store.mark_plain_sent(now, id, &key(under)).await;
    sent.unwrap()
}
