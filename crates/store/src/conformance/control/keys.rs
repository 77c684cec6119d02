//! Idempotency keys: the same request makes one task, another one under its key makes none.

use taskpilot_domain::binding::TaskStatus;

use super::scene::Scene;
use super::words::{abroad, all, at, demo, execution, home, keyed, request};
use crate::conformance::ControlHarness;
use crate::rows::tasks::{CreateTaskOutcome, NewTask, TaskRecord};

pub async fn the_same_request_is_replayed(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let first = scene.create(keyed("k", 1)).await;
    let again = scene.store.create_tasks(at(9), vec![keyed("k", 1)]).await;
    assert_eq!(
        again.unwrap(),
        [CreateTaskOutcome::Replayed(first.clone(), None)]
    );
    assert_eq!(scene.everything().await, [first]);
}

pub async fn a_replay_shows_the_task_as_it_is_now(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(keyed("k", 1)).await.id;
    let withdrawn = scene.store.withdraw_task(at(5), &home(), id).await;
    withdrawn.unwrap();
    let replayed = replayed(&scene, keyed("k", 1)).await;
    assert_eq!(
        (replayed.status, replayed.version, replayed.updated_at),
        (TaskStatus::Canceled, 2, at(5))
    );
}

pub async fn a_replay_shows_the_binding_while_it_is_unfinished(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let bind = |key: &str| NewTask {
        bind: Some(request(key)),
        ..keyed("k", 1)
    };
    let CreateTaskOutcome::Created(task, begun) = scene.submit(vec![bind("first")]).await.remove(0)
    else {
        panic!("not created");
    };
    // The replay carries a key of its own, which is never used.
    let again = scene.submit(vec![bind("second")]).await;
    assert_eq!(again, [CreateTaskOutcome::Replayed(task.clone(), begun)]);
    scene.finish(at(2), task.id, "first", execution(7)).await;
    let bound = scene.task(task.id).await;
    let again = scene.submit(vec![bind("third")]).await;
    assert_eq!(again, [CreateTaskOutcome::Replayed(bound, None)]);
}

pub async fn another_request_under_the_key_is_a_mismatch(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let first = scene.create(keyed("k", 1)).await;
    let other = NewTask {
        bind: Some(request("never")),
        ..keyed("k", 2)
    };
    let outcomes = scene.submit(vec![other, demo()]).await;
    let [
        CreateTaskOutcome::Mismatch,
        CreateTaskOutcome::Created(neighbour, None),
    ] = &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!(scene.everything().await, [neighbour.clone(), first]);
    assert_eq!(scene.ever_due().await, []);
}

pub async fn only_a_repeat_is_answered_where_only_that_is_wanted(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let first = scene.create(keyed("k", 1)).await;
    let late = |task: NewTask| NewTask {
        repeat_only: true,
        ..task
    };
    let batch = vec![late(keyed("k", 1)), late(keyed("l", 1)), late(demo())];
    let outcomes = scene.submit(batch).await;
    let expected = [
        CreateTaskOutcome::Replayed(first.clone(), None),
        CreateTaskOutcome::NoRepeat,
        CreateTaskOutcome::NoRepeat,
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(scene.everything().await, [first]);
    // Nothing was kept under the key: whoever asks in time gets it.
    scene.create(keyed("l", 2)).await;
}

pub async fn a_key_of_another_namespace_is_another_key(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let here = scene.create(keyed("k", 1)).await;
    let there = scene
        .create(NewTask {
            namespace: abroad(),
            ..keyed("k", 2)
        })
        .await;
    assert_ne!(here.id, there.id);
    assert_eq!(replayed(&scene, keyed("k", 1)).await, here);
}

pub async fn a_key_twice_in_one_batch_is_folded(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let batch = vec![keyed("k", 1), keyed("k", 1), keyed("k", 2), keyed("l", 2)];
    let outcomes = scene.submit(batch).await;
    let [first, second, CreateTaskOutcome::Mismatch, other] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    let CreateTaskOutcome::Created(task, None) = first else {
        panic!("{first:?}");
    };
    assert_eq!(second, &CreateTaskOutcome::Replayed(task.clone(), None));
    assert!(matches!(other, CreateTaskOutcome::Created(..)), "{other:?}");
    assert_eq!(scene.ids(all()).await.len(), 2);
}

pub async fn requests_without_a_key_are_never_folded(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    scene.submit(vec![demo(), demo()]).await;
    scene.submit(vec![demo()]).await;
    assert_eq!(scene.ids(all()).await.len(), 3);
}

pub async fn racing_creates_under_one_key_make_one_task(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let outcomes = scene.race(50, |scene, _| async move {
        scene.submit(vec![keyed("k", 1)]).await.remove(0)
    });
    let outcomes = outcomes.await;
    let new = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, CreateTaskOutcome::Created(..)));
    assert_eq!(new.count(), 1);
    let [only] = &scene.everything().await[..] else {
        panic!("more than one task");
    };
    for outcome in outcomes {
        match outcome {
            CreateTaskOutcome::Created(task, None) | CreateTaskOutcome::Replayed(task, None) => {
                assert_eq!(&task, only);
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn replayed(scene: &Scene, task: NewTask) -> TaskRecord {
    match scene.submit(vec![task]).await.remove(0) {
        CreateTaskOutcome::Replayed(task, _) => task,
        other => panic!("not replayed: {other:?}"),
    }
}

pub async fn what_stands_under_a_key_is_found_as_a_repeat_finds_it(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let bind = NewTask {
        bind: Some(request("first")),
        ..keyed("bound", 1)
    };
    let tasks = vec![keyed("k", 1), bind.clone(), keyed("gone", 1)];
    let created = scene.submit(tasks.clone()).await;
    let CreateTaskOutcome::Created(gone, None) = &created[2] else {
        panic!("not created: {created:?}");
    };
    let deleted = scene.store.delete_task(at(1), &home(), gone.id, None).await;
    deleted.unwrap();
    let find = async |task: NewTask| {
        let request = task.key.unwrap();
        let found = scene.store.find_keyed_task(&task.namespace, &request);
        found.await.unwrap()
    };
    for task in tasks.into_iter().chain([keyed("k", 2)]) {
        let repeated = scene.submit(vec![task.clone()]).await.remove(0);
        assert_eq!(find(task).await, Some(repeated));
    }
    assert_eq!(find(keyed("free", 1)).await, None);
    let foreign = NewTask {
        namespace: abroad(),
        ..keyed("k", 1)
    };
    assert_eq!(find(foreign).await, None);
}

pub async fn a_key_is_forgotten_after_its_time_and_its_task_stays(h: &impl ControlHarness) {
    const DAY_MS: u64 = 86_400_000;
    let scene = Scene::of(h);
    let old = scene.create(keyed("old", 1)).await;
    let late = scene.store.create_tasks(at(DAY_MS), vec![keyed("late", 1)]);
    assert_eq!(late.await.unwrap().len(), 1);
    let forget = async |ms: u64, limit: u32| {
        let forgotten = scene.store.forget_keys(at(ms), limit).await;
        forgotten.unwrap()
    };
    assert_eq!(forget(31 * DAY_MS, 9).await, 0);
    assert_eq!(forget(32 * DAY_MS, 9).await, 1);
    replayed(&scene, keyed("late", 1)).await;
    assert_eq!(scene.task(old.id).await, old);
    let new = scene.create(keyed("old", 1)).await;
    assert_ne!(new.id, old.id);
    for expected in [1, 1, 0] {
        assert_eq!(forget(100 * DAY_MS, 1).await, expected);
    }
}
