//! Withdrawals: only of what is not bound and not on its way.

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;

use super::scene::Scene;
use super::words::{at, demo, error, home, intent, key, nowhere};
use crate::conformance::ControlHarness;
use crate::rows::bindings::{BeginBindingOutcome, IntendCancelOutcome};
use crate::rows::tasks::{TaskRecord, WithdrawOutcome};

pub async fn a_pending_task_is_withdrawn_and_stays_so(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.create(demo()).await;
    assert_eq!(
        withdraw(&scene, 5, task.id).await,
        WithdrawOutcome::Withdrawn
    );
    let expected = TaskRecord {
        status: TaskStatus::Canceled,
        version: 2,
        updated_at: at(5),
        ..task
    };
    assert_eq!(scene.task(expected.id).await, expected);
    let again = withdraw(&scene, 9, expected.id).await;
    assert_eq!(again, WithdrawOutcome::Withdrawn);
    assert_eq!(scene.task(expected.id).await, expected);
}

pub async fn a_binding_task_is_not_withdrawn(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.binding(demo(), "a").await;
    let refused = withdraw(&scene, 5, task.id).await;
    assert_eq!(refused, WithdrawOutcome::Conflict(TaskStatus::Binding));
    assert_eq!(scene.task(task.id).await, task);
}

pub async fn a_bound_task_is_not_withdrawn(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.bound(demo(), "a").await;
    let refused = withdraw(&scene, 5, task.id).await;
    assert_eq!(refused, WithdrawOutcome::Conflict(TaskStatus::Bound));
    assert_eq!(scene.task(task.id).await, task);
}

pub async fn a_withdrawn_task_is_not_begun(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(demo()).await.id;
    withdraw(&scene, 5, id).await;
    let withdrawn = scene.task(id).await;
    let begun = scene.begin(at(6), id, "a").await;
    assert_eq!(begun, BeginBindingOutcome::Withdrawn);
    assert_eq!(scene.task(id).await, withdrawn);
    assert_eq!(scene.ever_due().await, []);
}

pub async fn an_abandoned_task_can_be_withdrawn(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let why = error("invalid_options");
    let key = key("a");
    let abandoned = scene.store.abandon_binding(at(4), id, &key, why.clone());
    abandoned.await.unwrap();
    assert_eq!(withdraw(&scene, 5, id).await, WithdrawOutcome::Withdrawn);
    let task = scene.task(id).await;
    assert_eq!(
        (task.status, task.bind_error),
        (TaskStatus::Canceled, Some(why))
    );
}

pub async fn a_begin_and_a_withdrawal_never_both_win(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    for round in 0..20 {
        let id = scene.create(demo()).await.id;
        let key = format!("key-{round}");
        let (begun, withdrawn) =
            tokio::join!(scene.begin(at(1), id, &key), withdraw(&scene, 1, id));
        let status = scene.task(id).await.status;
        match (begun, withdrawn) {
            (BeginBindingOutcome::Begun(_), WithdrawOutcome::Conflict(TaskStatus::Binding)) => {
                assert_eq!(status, TaskStatus::Binding);
            }
            (BeginBindingOutcome::Withdrawn, WithdrawOutcome::Withdrawn) => {
                assert_eq!(status, TaskStatus::Canceled);
            }
            other => panic!("{other:?}"),
        }
    }
}

pub async fn what_is_not_there_is_missing(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    assert_eq!(scene.find(nowhere()).await, None);
    let withdrawn = withdraw(&scene, 1, nowhere()).await;
    assert_eq!(withdrawn, WithdrawOutcome::Missing);
    let begun = scene.begin(at(1), nowhere(), "a").await;
    assert_eq!(begun, BeginBindingOutcome::Missing);
    let intended = scene.intend(nowhere(), intent("ada", at(1))).await;
    assert_eq!(intended, IntendCancelOutcome::Missing);
    scene.settle(at(1), nowhere(), "a").await;
    assert_eq!(scene.everything().await, []);
}

async fn withdraw(scene: &Scene, ms: u64, id: TaskId) -> WithdrawOutcome {
    let withdrawn = scene.store.withdraw_task(at(ms), &home(), id).await;
    withdrawn.unwrap()
}
