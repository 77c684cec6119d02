//! Cancels of tasks that are binding: an intent that was committed is never lost.

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::limits::{BINDING_OVERDUE_MS, CANCEL_REQUESTS_KEPT_MAX};

use super::scene::{Scene, intended, owed};
use super::words::{at, demo, error, execution, for_an_operator, home, intent, key, nowhere};
use crate::conformance::ControlHarness;
use crate::rows::bindings::{
    BindingRecord, CancelIntent, FinishBindingOutcome, IntendCancelOutcome,
};

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

pub async fn the_first_intent_stands_and_later_ones_are_kept_beside_it(
    h: &mut impl ControlHarness,
) {
    let scene = Scene::of(h);
    let task = scene.binding(demo(), "a").await;
    let before = scene.only_due().await;
    let first = intended(scene.intend(task.id, intent("ada", at(5))).await);
    let expected = BindingRecord {
        cancels: owed(&[(1, intent("ada", at(5)))]),
        ..before
    };
    assert_eq!(first, expected);
    let second = intended(scene.intend(task.id, intent("bob", at(6))).await);
    let expected = BindingRecord {
        cancels: owed(&[(1, intent("ada", at(5))), (2, intent("bob", at(6)))]),
        ..expected
    };
    assert_eq!(second, expected);
    assert_eq!(scene.only_due().await, expected);
    assert_eq!(scene.task(task.id).await, task);
    drop(scene);
    h.restart().await;
    assert_eq!(Scene::of(h).only_due().await, expected);
}

pub async fn each_intent_is_settled_for_itself(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    for (who, ms) in [("ada", 5), ("bob", 6)] {
        intended(scene.intend(id, intent(who, at(ms))).await);
    }
    scene.settle(at(7), id, "a").await;
    let left = owed(&[(2, intent("bob", at(6)))]);
    assert_eq!(scene.only_due().await.cancels, left);
    // A number is not given again.
    scene.settle_of(at(8), (id, "a"), 2).await;
    let third = intended(scene.intend(id, intent("cleo", at(9))).await);
    let left = owed(&[(3, intent("cleo", at(9)))]);
    assert_eq!(third.cancels, left);
    scene.finish(at(10), id, "a", execution(7)).await;
    // Whoever was late with the second says nothing of the third.
    scene.settle_of(at(11), (id, "a"), 2).await;
    assert_eq!(scene.only_due().await.cancels, left);
    scene.settle_of(at(12), (id, "a"), 3).await;
    assert_eq!(scene.ever_due().await, []);
}

pub async fn the_same_call_once_more_is_not_another_intent(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let call = |who: &str, ms, name: &str| CancelIntent {
        request_id: Some(name.into()),
        ..intent(who, at(ms))
    };
    let ada = intended(scene.intend(id, call("ada", 5, "1")).await);
    intended(scene.intend(id, call("bob", 6, "1")).await);
    let again = intended(scene.intend(id, call("ada", 7, "1")).await);
    assert_eq!(again, ada, "what came after it is not told");
    let both = owed(&[(1, call("ada", 5, "1")), (2, call("bob", 6, "1"))]);
    assert_eq!(scene.only_due().await.cancels, both);
    // Who names all calls alike still says something else.
    let other = CancelIntent {
        cascade: true,
        ..call("bob", 8, "1")
    };
    let told = intended(scene.intend(id, other.clone()).await).cancels;
    assert_eq!(told[..2], both);
    assert_eq!(told[2..], owed(&[(3, other)]));
    scene.settle_of(at(8), (id, "a"), 3).await;
    // Also where it was carried out; but then it is not owed.
    scene.settle(at(8), id, "a").await;
    let again = intended(scene.intend(id, call("ada", 9, "1")).await);
    assert_eq!(again, ada);
    assert_eq!(scene.only_due().await.cancels, both[1..]);
}

pub async fn the_latest_intents_are_kept_beside_the_first_and_the_one_that_cascades(
    h: &impl ControlHarness,
) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let most = CANCEL_REQUESTS_KEPT_MAX;
    let all = most + 7;
    let wish = |number: u32| CancelIntent {
        cascade: number == 3 || number == 4,
        ..intent("ann", at(u64::from(number)))
    };
    for number in 1..=all {
        intended(scene.intend(id, wish(number)).await);
    }
    let kept: Vec<_> = [1, 3]
        .into_iter()
        .chain(all - most + 1..=all)
        .map(|number| (number, wish(number)))
        .collect();
    assert_eq!(scene.only_due().await.cancels, owed(&kept));
}

pub async fn racing_intents_agree_on_their_order(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let answers = scene.race(30, move |scene, number| async move {
        let who = format!("user-{number}");
        intended(scene.intend(id, intent(&who, at(5))).await)
    });
    let answers = answers.await;
    let all = scene.only_due().await.cancels;
    assert_eq!(all.len(), 30);
    for answer in answers {
        let (own, before) = answer.cancels.split_last().unwrap();
        let place = usize::try_from(own.number).unwrap() - 1;
        assert_eq!((own, before), (&all[place], &all[..place]));
    }
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
    assert_eq!(first.cancels.len(), 1);
    assert_eq!(scene.only_due().await.cancels, []);
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
    assert_eq!(scene.only_due().await.cancels, []);
    let first = intended(scene.intend(id, intent("bob", at(8))).await);
    assert_eq!(first.cancels, owed(&[(1, intent("bob", at(8)))]));
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
