//! Lists and reads by id.

use taskpilot_domain::execution::State;
use taskpilot_domain::ids::ExecutionId;

use super::scene::Scene;
use super::words::{
    assert_same, at, failed_for_good, home, job, job_with, nobodys_execution, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::executions::ExecutionFilter;

async fn list(scene: &Scene, filter: ExecutionFilter) -> Vec<ExecutionId> {
    let found = scene.store.list_executions(&home(), filter).await;
    found
        .expect("the list is served")
        .iter()
        .map(|summary| summary.id)
        .collect()
}

fn newest(limit: u32) -> ExecutionFilter {
    ExecutionFilter {
        limit,
        ..ExecutionFilter::default()
    }
}

/// One execution in each state: pending, running, succeeded, failed, canceled, in this order.
async fn one_of_each(scene: &Scene) -> [ExecutionId; 5] {
    let worker = scene.worker(at(0), 9).await;
    let pending = job_with(|job| job.options.scheduled_for = Some(at(1_000)));
    let pending = scene.create(at(0), pending).await;
    let ids = scene.create_all(at(0), vec![job(); 3]).await;
    let grants = scene.claim(&worker, at(1), 3).await;
    scene
        .finish(&worker, at(2), succeeded(grants[1].fence))
        .await;
    scene
        .finish(&worker, at(2), failed_for_good(grants[2].fence))
        .await;
    let canceled = scene.create(at(0), job()).await;
    scene.cancel(at(3), canceled).await;
    [pending, ids[0], ids[1], ids[2], canceled]
}

pub async fn the_newest_are_listed_first_page_by_page(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = scene.create_all(at(0), vec![job(); 7]).await;
    let mut pages = Vec::new();
    let mut before = None;
    for _ in 0..5 {
        let page = list(
            &scene,
            ExecutionFilter {
                before,
                ..newest(3)
            },
        )
        .await;
        let Some(last) = page.last() else { break };
        before = Some(*last);
        pages.push(page);
    }
    let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 3, 1]);
    let seen: Vec<ExecutionId> = pages.into_iter().flatten().collect();
    assert!(seen.iter().rev().eq(&ids));
}

pub async fn a_list_takes_any_of_the_states_it_is_asked_for(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = one_of_each(&scene).await;
    for (state, id) in State::ALL.into_iter().zip(ids) {
        let filter = ExecutionFilter {
            states: vec![state],
            ..newest(10)
        };
        assert_eq!(list(&scene, filter).await, [id], "{state:?}");
    }
    let filter = ExecutionFilter {
        states: vec![State::Canceled, State::Pending, State::Succeeded],
        ..newest(2)
    };
    assert_eq!(list(&scene, filter.clone()).await, [ids[4], ids[2]]);
    let rest = ExecutionFilter {
        before: Some(ids[2]),
        ..filter
    };
    assert_eq!(list(&scene, rest).await, [ids[0]]);
    assert_eq!(list(&scene, newest(10)).await.len(), 5);
}

pub async fn a_state_keeps_its_page_behind_many_others(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let first = scene.create(at(0), job()).await;
    scene.cancel(at(1), first).await;
    scene.create_all(at(2), vec![job(); 600]).await;
    let filter = ExecutionFilter {
        states: vec![State::Canceled],
        ..newest(5)
    };
    assert_eq!(list(&scene, filter).await, [first]);
}

pub async fn a_list_shows_what_a_read_shows(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    one_of_each(&scene).await;
    let listed = scene.store.list_executions(&home(), newest(10)).await;
    for summary in listed.expect("the list is served") {
        assert_same(&scene.record(summary.id).await.summary, &summary);
    }
}

pub async fn those_of_the_ids_that_exist_are_found(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = one_of_each(&scene).await;
    let mut wanted = ids[1..].to_vec();
    wanted.insert(1, nobodys_execution());
    let found = scene.store.find_executions(&home(), wanted).await;
    let mut found = found.expect("the read is served");
    found.sort_unstable_by_key(|summary| summary.id);
    let found_ids: Vec<ExecutionId> = found.iter().map(|summary| summary.id).collect();
    assert_eq!(found_ids, ids[1..]);
    for summary in found {
        assert_same(&scene.record(summary.id).await.summary, &summary);
    }
}

pub async fn a_thousand_ids_are_found_in_one_call(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = scene.create_all(at(0), vec![job(); 1_000]).await;
    let found = scene.store.find_executions(&home(), ids.clone()).await;
    let mut found: Vec<ExecutionId> = found
        .expect("the read is served")
        .iter()
        .map(|summary| summary.id)
        .collect();
    found.sort_unstable();
    assert_eq!(found, ids);
}

pub async fn nothing_is_found_under_no_ids(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create(at(0), job()).await;
    let found = scene.store.find_executions(&home(), Vec::new()).await;
    assert_eq!(found.expect("the read is served"), []);
    let none = scene
        .store
        .get_execution(&home(), nobodys_execution())
        .await;
    assert!(none.expect("the read is served").is_none());
}
