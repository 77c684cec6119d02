//! The life of a binding: begun once, finished once, and with one execution for ever.

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::limits::BINDING_OVERDUE_MS;

use super::scene::{Scene, shown};
use super::words::{at, demo, execution, home, nowhere, request};
use crate::conformance::ControlHarness;
use crate::rows::bindings::{BeginBindingOutcome, BindingRecord, FinishBindingOutcome};
use crate::rows::tasks::TaskRecord;

pub async fn a_begin_commits_what_will_be_sent(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.create(demo()).await;
    let begun = scene.begin(at(5), task.id, "a").await;
    let expected = BindingRecord {
        task: task.id,
        namespace: home(),
        parent: None,
        request: request("a"),
        begun_at: at(5),
        plain_sent_at: None,
        refused: None,
        cancels: Vec::new(),
        tries: 0,
        next_try_at: at(5 + BINDING_OVERDUE_MS),
        execution: None,
    };
    assert_eq!(begun, BeginBindingOutcome::Begun(expected.clone()));
    assert_eq!(scene.only_due().await, expected);
    let expected = TaskRecord {
        status: TaskStatus::Binding,
        binding_key: Some("a".into()),
        version: 2,
        updated_at: at(5),
        ..task
    };
    assert_eq!(scene.task(expected.id).await, expected);
}

pub async fn a_second_begin_is_told_what_the_first_one_sends(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(demo()).await.id;
    let first = shown(scene.begin(at(1), id, "a").await);
    let task = scene.task(id).await;
    let second = scene.begin(at(2), id, "b").await;
    assert_eq!(second, BeginBindingOutcome::InProgress(first));
    assert_eq!(scene.task(id).await, task);
}

pub async fn a_hundred_racing_begins_give_one_key(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(demo()).await.id;
    let outcomes = scene.race(100, move |scene, number| async move {
        scene.begin(at(1), id, &format!("key-{number}")).await
    });
    let outcomes = outcomes.await;
    let begun = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, BeginBindingOutcome::Begun(_)));
    assert_eq!(begun.count(), 1);
    let only = scene.only_due().await;
    for outcome in outcomes {
        assert_eq!(shown(outcome), only);
    }
    let task = scene.task(id).await;
    assert_eq!(super::scene::in_force(&task), only.request.key);
}

pub async fn a_finish_binds_for_ever(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.binding(demo(), "a").await;
    let finished = scene.finish(at(9), task.id, "a", execution(7)).await;
    let expected = TaskRecord {
        status: TaskStatus::Bound,
        execution: Some(execution(7)),
        version: 3,
        updated_at: at(9),
        ..task
    };
    assert_eq!(finished, FinishBindingOutcome::Bound(expected.clone()));
    assert_eq!(expected.binding_key.as_deref(), Some("a"), "kept for ever");
    assert_eq!(scene.task(expected.id).await, expected);
    assert_eq!(scene.ever_due().await, []);
}

pub async fn a_second_finish_with_the_same_execution_changes_nothing(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let bound = scene.bound(demo(), "a").await;
    let again = scene.finish(at(99), bound.id, "a", execution(7)).await;
    assert_eq!(again, FinishBindingOutcome::Bound(bound.clone()));
    assert_eq!(scene.task(bound.id).await, bound);
}

pub async fn another_execution_is_an_alarm_and_changes_nothing(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let bound = scene.bound(demo(), "a").await;
    let other = scene.finish(at(99), bound.id, "a", execution(8)).await;
    let stored = Some(execution(7));
    assert_eq!(other, FinishBindingOutcome::Alarm { stored });
    assert_eq!(scene.task(bound.id).await, bound);
}

pub async fn an_execution_under_another_key_is_an_alarm(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let binding = scene.binding(demo(), "a").await;
    let other = scene.finish(at(2), binding.id, "b", execution(7)).await;
    assert_eq!(other, FinishBindingOutcome::Alarm { stored: None });
    assert_eq!(scene.task(binding.id).await, binding);
    assert_eq!(scene.only_due().await.request, request("a"));
}

pub async fn an_execution_for_a_task_that_is_not_binding_is_an_alarm(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let pending = scene.create(demo()).await;
    let alarm = FinishBindingOutcome::Alarm { stored: None };
    let answer = scene.finish(at(2), pending.id, "a", execution(7)).await;
    assert_eq!(answer, alarm);
    assert_eq!(scene.task(pending.id).await, pending);
    let answer = scene.finish(at(2), nowhere(), "a", execution(7)).await;
    assert_eq!(answer, FinishBindingOutcome::Missing);
}

pub async fn a_bound_task_is_not_begun_again(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let bound = scene.bound(demo(), "a").await;
    let again = scene.begin(at(9), bound.id, "b").await;
    assert_eq!(again, BeginBindingOutcome::Bound(bound.clone()));
    assert_eq!(scene.task(bound.id).await, bound);
    assert_eq!(scene.ever_due().await, []);
}

pub async fn racing_finishes_with_two_executions_keep_one(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.binding(demo(), "a").await.id;
    let outcomes = scene.race(40, move |scene, number| async move {
        let answered = execution(if number % 2 == 0 { 7 } else { 8 });
        let outcome = scene.finish(at(2), id, "a", answered).await;
        (answered, outcome)
    });
    let outcomes = outcomes.await;
    let bound = scene.task(id).await;
    let stored = bound.execution;
    assert!(stored.is_some());
    for (answered, outcome) in outcomes {
        let expected = if Some(answered) == stored {
            FinishBindingOutcome::Bound(bound.clone())
        } else {
            FinishBindingOutcome::Alarm { stored }
        };
        assert_eq!(outcome, expected);
    }
}

pub async fn instants_of_a_task_never_step_back(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(demo()).await.id;
    scene.begin(at(50), id, "a").await;
    scene.finish(at(20), id, "a", execution(7)).await;
    let task = scene.task(id).await;
    assert_eq!((task.updated_at, task.version), (at(50), 3));
}

pub async fn bound_tasks_are_found_by_their_executions(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let mut bound = Vec::new();
    for (under, number) in [("a", 7), ("b", 8), ("c", 9)] {
        let id = scene.binding(demo(), under).await.id;
        scene.finish(at(2), id, under, execution(number)).await;
        bound.push((execution(number), id));
    }
    scene.create(demo()).await;
    scene.binding(demo(), "d").await;
    for (asked, expected) in [
        (vec![7, 8, 9], &bound[..]),
        (vec![8, 1_000, 7], &bound[..2]),
        // The id of a task is no execution.
        (vec![1, 2, 3], &[]),
        (vec![], &[]),
    ] {
        let executions = asked.iter().copied().map(execution).collect();
        let found = scene.store.find_bound_tasks(&home(), executions).await;
        let mut found = found.unwrap();
        found.sort_unstable();
        assert_eq!(found, expected, "{asked:?}");
    }
}
