//! Cancels of tasks that are binding: an intent that was committed is never lost.

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::limits::BINDING_OVERDUE_MS;

use super::scene::{Scene, intended};
use super::words::{at, demo, error, execution, for_an_operator, home, intent, key, nowhere};
use crate::conformance::ControlHarness;
use crate::rows::bindings::{BindingRecord, FinishBindingOutcome, IntendCancelOutcome};

pub async fn a_task_that_is_not_bound_takes_no_intent(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let pending = scene.create(demo()).await;
    let refused = scene.intend(pending.id, intent("ada", at(5))).await;
    assert_eq!(refused, IntendCancelOutcome::Unbound);
    assert_eq!(scene.task(pending.id).await, pending);
    let withdrawn = scene.store.withdraw_task(at(6), &home(), pending.id).await;
    withdrawn.unwrap();
    let refused = scene.intend(pending.id, intent("ada", at(7))).await;
    assert_eq!(refused, IntendCancelOutcome::Unbound);
}

pub async fn a_bound_task_is_shown_instead(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let bound = scene.bound(demo(), "a").await;
    let answer = scene.intend(bound.id, intent("ada", at(5))).await;
    assert_eq!(answer, IntendCancelOutcome::Bound(bound));
    assert_eq!(scene.ever_due().await, [], "it is canceled by its id");
}

pub async fn the_first_intent_stands(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.binding(demo(), "a").await;
    let before = scene.only_due().await;
    let first = intended(scene.intend(task.id, intent("ada", at(5))).await);
    let expected = BindingRecord {
        cancel: Some(intent("ada", at(5))),
        ..before
    };
    assert_eq!(first, expected);
    let second = intended(scene.intend(task.id, intent("bob", at(6))).await);
    assert_eq!(second, expected);
    assert_eq!(scene.only_due().await, expected);
    assert_eq!(scene.task(task.id).await, task);
}

pub async fn racing_intents_agree_on_the_first(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let answers = scene.race(30, move |scene, number| async move {
        let who = format!("user-{number}");
        intended(scene.intend(id, intent(&who, at(5))).await)
    });
    let answers = answers.await;
    let only = scene.only_due().await;
    assert!(only.cancel.is_some());
    assert!(answers.into_iter().all(|answer| answer == only));
}

pub async fn an_intent_wakes_a_binding_that_waits_for_an_operator(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    scene.fail(at(5), id, "a", for_an_operator()).await;
    assert_eq!(scene.ever_due().await, []);
    let answer = intended(scene.intend(id, intent("ada", at(50))).await);
    assert_eq!(answer.next_try_at, at(50 + BINDING_OVERDUE_MS));
    assert_eq!(scene.only_due().await, answer);
}

pub async fn an_intent_outlives_the_finish_until_it_is_settled(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let owed = intended(scene.intend(id, intent("ada", at(5))).await);
    let finished = scene.finish(at(6), id, "a", execution(7)).await;
    assert!(
        matches!(finished, FinishBindingOutcome::Bound(_)),
        "{finished:?}"
    );
    let expected = BindingRecord {
        execution: Some(execution(7)),
        next_try_at: at(6),
        ..owed
    };
    assert_eq!(scene.due(at(6)).await, [expected], "due at once");
    let bound = scene.task(id).await;
    assert_eq!(bound.status, TaskStatus::Bound);
    scene
        .fail(at(7), id, "a", super::words::failure("timeout", at(80)))
        .await;
    let binding = scene.only_due().await;
    assert_eq!((binding.tries, binding.next_try_at), (1, at(80)));
    scene.settle(at(90), id, "a").await;
    assert_eq!(scene.ever_due().await, []);
    assert_eq!(scene.task(id).await, bound);
}

pub async fn a_settled_intent_is_carried_out_no_more(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let first = intended(scene.intend(id, intent("ada", at(5))).await);
    scene.settle(at(6), id, "a").await;
    assert_eq!(scene.only_due().await.cancel, None);
    let again = intended(scene.intend(id, intent("bob", at(7))).await);
    assert_eq!(again.cancel, first.cancel, "the first one still stands");
    assert_eq!(scene.only_due().await.cancel, None);
    scene.finish(at(8), id, "a", execution(7)).await;
    assert_eq!(scene.ever_due().await, []);
}

pub async fn settling_under_another_key_changes_nothing(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let owed = intended(scene.intend(id, intent("ada", at(5))).await);
    scene.settle(at(6), id, "b").await;
    assert_eq!(scene.only_due().await, owed);
}

pub async fn an_intent_ends_with_an_abandoned_binding(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    scene.intend(id, intent("ada", at(5))).await;
    let abandoned = scene
        .store
        .abandon_binding(at(6), id, &key("a"), error("invalid_options"))
        .await;
    abandoned.unwrap();
    assert_eq!(scene.ever_due().await, []);
    scene.begin(at(7), id, "b").await;
    assert_eq!(scene.only_due().await.cancel, None);
}

pub async fn only_what_is_unfinished_and_owes_no_cancel_is_wanted(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let open = scene.binding(demo(), "open").await.id;
    let owing = scene.binding(demo(), "owing").await.id;
    let settled = scene.binding(demo(), "settled").await.id;
    for task in [owing, settled] {
        intended(scene.intend(task, intent("ann", at(2))).await);
    }
    scene.settle(at(3), settled, "settled").await;
    let bound = scene.bound(demo(), "bound").await.id;
    let asked = [
        (open, "open", true),
        (open, "another", false),
        (owing, "owing", false),
        (settled, "settled", true),
        (bound, "bound", false),
        (nowhere(), "open", false),
    ];
    let named = asked.map(|(task, under, _)| (task, key(under)));
    let wanted = scene.store.are_wanted(named.into()).await.unwrap();
    assert_eq!(wanted, asked.map(|(.., expected)| expected));
    assert_eq!(scene.store.are_wanted(Vec::new()).await.unwrap(), []);
}
