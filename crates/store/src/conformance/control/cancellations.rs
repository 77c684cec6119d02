//! Cancellations: what each is about is fixed once, each item is decided once, and progress is
//! never told without what it is about.

use std::sync::Arc;

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::cancellation::{CancellationOutcome, CancellationStatus, MaxPerSecond, Pace};
use taskpilot_domain::ids::{CancellationId, TaskId};
use taskpilot_domain::limits::KEYS_KEPT_MS;
use taskpilot_domain::names::PrincipalName;
use taskpilot_domain::time::Timestamp;

use super::scene::Scene;
use super::words::{MANY, abroad, at, demo, execution, home, key, nowhere};
use crate::conformance::ControlHarness;
use crate::rows::cancellations::{
    CancellationCounts, CancellationItemFilter, CancellationItemRecord, CancellationRecord,
    CancellationTarget, CreateCancellationOutcome, DecidedSlice, GiveUpOutcome, Matches,
    NewCancellation, OnItsWay, UndecidedItem, UndecidedStanding,
};
use crate::rows::keys::KeyedRequest;
use crate::rows::tasks::NewTask;

use CancellationOutcome::{Already, Canceled, Changed};

fn filter() -> CancellationTarget {
    CancellationTarget::Filter(Arc::from(r#"{"type":"demo"}"#))
}

fn wish(target: CancellationTarget) -> NewCancellation {
    NewCancellation {
        namespace: home(),
        requested_by: PrincipalName::local(),
        reason: Some("enough".into()),
        target,
        max_per_second: None,
        key: None,
    }
}

fn keyed(name: &str, body: u8) -> NewCancellation {
    let key = KeyedRequest {
        key: key(name),
        fingerprint: [body; 32],
        expired: false,
    };
    NewCancellation {
        key: Some(key),
        ..wish(filter())
    }
}

fn decided(outcomes: &[(TaskId, CancellationOutcome)]) -> DecidedSlice {
    DecidedSlice {
        outcomes: outcomes.to_vec(),
        ..DecidedSlice::default()
    }
}

fn counted(counts: &[(CancellationOutcome, u64)]) -> CancellationCounts {
    let mut all = CancellationCounts::default();
    for (outcome, count) in counts {
        all.add(*outcome, *count);
    }
    all
}

async fn ask(scene: &Scene, now: Timestamp, new: NewCancellation) -> CreateCancellationOutcome {
    scene.store.create_cancellation(now, new).await.unwrap()
}

async fn begin(scene: &Scene, now: Timestamp, new: NewCancellation) -> CancellationRecord {
    match ask(scene, now, new).await {
        CreateCancellationOutcome::Created(record) => record,
        other => panic!("not created: {other:?}"),
    }
}

/// One of tasks.
async fn of_tasks(scene: &Scene, now: Timestamp, tasks: &[TaskId]) -> CancellationRecord {
    let target = CancellationTarget::Tasks(tasks.to_vec());
    begin(scene, now, wish(target)).await
}

/// One of tasks, of which 20 are decided per second at most: two, and then two a tenth later.
async fn of_few_per_second(scene: &Scene, now: Timestamp, tasks: &[TaskId]) -> CancellationRecord {
    let new = NewCancellation {
        max_per_second: MaxPerSecond::new(20).ok(),
        ..wish(CancellationTarget::Tasks(tasks.to_vec()))
    };
    begin(scene, now, new).await
}

async fn read(scene: &Scene, id: CancellationId) -> CancellationRecord {
    let found = scene.store.get_cancellation(&home(), id).await;
    found.unwrap().unwrap()
}

async fn decide(
    scene: &Scene,
    now: Timestamp,
    id: CancellationId,
    slice: DecidedSlice,
) -> Option<CancellationRecord> {
    scene.store.decide_items(now, id, slice).await.unwrap()
}

async fn found(scene: &Scene, id: CancellationId, page: Matches) -> Option<CancellationRecord> {
    scene.store.add_matches(at(50), id, page).await.unwrap()
}

async fn items(
    scene: &Scene,
    id: CancellationId,
    filter: CancellationItemFilter,
) -> Vec<(TaskId, Option<CancellationOutcome>)> {
    let home = home();
    let listed = scene.store.list_cancellation_items(&home, id, filter);
    let listed = listed.await.unwrap().unwrap();
    let pair = |item: CancellationItemRecord| (item.task, item.outcome);
    listed.into_iter().map(pair).collect()
}

fn all_items() -> CancellationItemFilter {
    CancellationItemFilter {
        limit: MANY,
        ..CancellationItemFilter::default()
    }
}

async fn open(scene: &Scene) -> Vec<CancellationId> {
    let open = scene.store.list_open_cancellations(MANY).await.unwrap();
    open.into_iter().map(|record| record.id).collect()
}

async fn tasks(scene: &Scene, count: usize) -> Vec<TaskId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(scene.create(demo()).await.id);
    }
    ids
}

pub async fn one_of_tasks_is_kept_with_its_items(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 2).await;
    let record = of_tasks(&scene, at(10), &[ids[0], ids[1], nowhere()]).await;
    let expected = CancellationRecord {
        id: record.id,
        namespace: home(),
        status: CancellationStatus::Running,
        requested_at: at(10),
        requested_by: PrincipalName::local(),
        reason: Some("enough".into()),
        filter: None,
        match_below: None,
        known_at: None,
        asked_until: None,
        total: 3,
        max_per_second: None,
        pace: Pace::BEGIN,
        counts: CancellationCounts::default(),
        completed_at: None,
    };
    assert_eq!(record, expected);
    assert_eq!(read(&scene, record.id).await, expected);
    let listed = items(&scene, record.id, all_items()).await;
    assert_eq!(listed, [ids[0], ids[1], nowhere()].map(|id| (id, None)));
}

pub async fn one_with_a_filter_begins_with_the_tasks_that_there_are(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let early = begin(&scene, at(1), wish(filter())).await;
    assert_eq!(early.match_below, TaskId::new(1).ok());
    let ids = tasks(&scene, 3).await;
    scene
        .create(NewTask {
            namespace: abroad(),
            ..demo()
        })
        .await;
    let record = begin(&scene, at(10), wish(filter())).await;
    let text = record.filter.as_deref();
    assert_eq!(text, Some(r#"{"type":"demo"}"#));
    assert_eq!(
        (record.status, record.total),
        (CancellationStatus::Matching, 0)
    );
    assert_eq!(record.match_below, TaskId::new(ids[2].get() + 1).ok());
}

pub async fn a_page_of_matches_is_kept_once(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 3).await;
    let record = begin(&scene, at(10), wish(filter())).await;
    let page = Matches {
        from: record.match_below.unwrap(),
        tasks: vec![ids[2], ids[1]],
        below: Some(ids[1]),
    };
    let kept = found(&scene, record.id, page.clone()).await.unwrap();
    assert_eq!((kept.status, kept.total), (CancellationStatus::Matching, 2));
    assert_eq!(kept.match_below, Some(ids[1]));
    assert_eq!(found(&scene, record.id, page).await, None, "it was kept");
    let last = Matches {
        from: ids[1],
        tasks: vec![ids[0]],
        below: None,
    };
    let kept = found(&scene, record.id, last.clone()).await.unwrap();
    assert_eq!((kept.status, kept.total), (CancellationStatus::Running, 3));
    assert_eq!(kept.match_below, None);
    assert_eq!(found(&scene, record.id, last).await, None, "it is complete");
    let listed = items(&scene, record.id, all_items()).await;
    assert_eq!(listed, [ids[0], ids[1], ids[2]].map(|id| (id, None)));
}

pub async fn one_that_is_about_nothing_is_completed(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let record = begin(&scene, at(10), wish(filter())).await;
    let nothing = Matches {
        from: record.match_below.unwrap(),
        tasks: Vec::new(),
        below: None,
    };
    let done = found(&scene, record.id, nothing).await.unwrap();
    assert_eq!(
        (done.status, done.completed_at),
        (CancellationStatus::Completed, Some(at(50)))
    );
    assert_eq!(open(&scene).await, []);
}

pub async fn the_first_word_on_an_item_stands_and_counts_once(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 3).await;
    let id = of_tasks(&scene, at(10), &ids).await.id;
    let slice = DecidedSlice {
        known_at: Some(at(19)),
        ..decided(&[(ids[0], Canceled), (ids[1], Changed)])
    };
    let after = decide(&scene, at(20), id, slice).await.unwrap();
    let counts = counted(&[(Canceled, 1), (Changed, 1)]);
    assert_eq!(
        (after.status, after.counts),
        (CancellationStatus::Running, counts)
    );
    assert_eq!(after.known_at, Some(at(19)));
    let again = decided(&[(ids[0], Already), (nowhere(), Canceled)]);
    let after = decide(&scene, at(30), id, again).await.unwrap();
    assert_eq!((after.counts, after.known_at), (counts, Some(at(19))));
    let left = scene.store.list_undecided(id, MANY).await.unwrap();
    let left: Vec<_> = left.into_iter().map(|item| item.task).collect();
    assert_eq!(left, [ids[2]]);
    assert_eq!(read(&scene, id).await, after);
}

pub async fn what_is_on_its_way_is_kept_until_it_is_not(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 2).await;
    let id = of_tasks(&scene, at(10), &ids).await.id;
    let slice = |on_its_way| DecidedSlice {
        on_its_way,
        ..DecidedSlice::default()
    };
    for (on_its_way, expected) in [
        (OnItsWay::Same, None),
        (OnItsWay::Until(at(40)), Some(at(40))),
        (OnItsWay::Same, Some(at(40))),
        (OnItsWay::Until(at(50)), Some(at(50))),
        (OnItsWay::Nothing, None),
    ] {
        let after = decide(&scene, at(20), id, slice(on_its_way)).await.unwrap();
        assert_eq!(after.asked_until, expected, "{on_its_way:?}");
        assert_eq!(read(&scene, id).await, after);
    }
}

pub async fn the_last_item_completes_it(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 2).await;
    let id = of_tasks(&scene, at(10), &ids).await.id;
    decide(&scene, at(20), id, decided(&[(ids[1], Canceled)])).await;
    assert_eq!(open(&scene).await, [id]);
    let done = decide(&scene, at(30), id, decided(&[(ids[0], Already)])).await;
    let done = done.unwrap();
    assert_eq!(
        (done.status, done.completed_at),
        (CancellationStatus::Completed, Some(at(30)))
    );
    assert_eq!(open(&scene).await, []);
    let late = decide(&scene, at(40), id, decided(&[(ids[0], Canceled)])).await;
    assert_eq!(late, None, "nothing is left to do");
    assert_eq!(read(&scene, id).await, done);
}

pub async fn one_that_is_given_up_stays_open_until_it_is_settled(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 2).await;
    let id = of_tasks(&scene, at(10), &ids).await.id;
    let GiveUpOutcome::GivenUp(given_up) = give_up_of(&scene, at(20), id).await else {
        panic!("it is given up");
    };
    assert_eq!(
        (given_up.status, given_up.completed_at),
        (CancellationStatus::Canceled, None)
    );
    assert_eq!(open(&scene).await, [id]);
    let again = give_up_of(&scene, at(25), id).await;
    assert_eq!(again, GiveUpOutcome::GivenUp(given_up));
    let slice = DecidedSlice {
        settled: true,
        ..decided(&[(ids[0], Canceled)])
    };
    let settled = decide(&scene, at(30), id, slice).await.unwrap();
    assert_eq!(
        (settled.status, settled.completed_at, settled.counts),
        (
            CancellationStatus::Canceled,
            Some(at(30)),
            counted(&[(Canceled, 1)])
        )
    );
    assert_eq!(open(&scene).await, []);
    let again = give_up_of(&scene, at(40), id).await;
    assert_eq!(again, GiveUpOutcome::GivenUp(settled));
}

async fn give_up_of(scene: &Scene, now: Timestamp, id: CancellationId) -> GiveUpOutcome {
    let given_up = scene.store.give_up_cancellation(now, &home(), id).await;
    given_up.unwrap()
}

pub async fn one_that_is_completed_is_not_given_up(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 1).await;
    let id = of_tasks(&scene, at(10), &ids).await.id;
    decide(&scene, at(20), id, decided(&[(ids[0], Canceled)])).await;
    assert_eq!(
        give_up_of(&scene, at(30), id).await,
        GiveUpOutcome::Completed
    );
    let foreign = scene
        .store
        .give_up_cancellation(at(30), &abroad(), id)
        .await;
    assert_eq!(foreign.unwrap(), GiveUpOutcome::Missing);
}

pub async fn nothing_more_is_found_for_one_that_is_given_up(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 1).await;
    let record = begin(&scene, at(10), wish(filter())).await;
    give_up_of(&scene, at(20), record.id).await;
    let page = Matches {
        from: record.match_below.unwrap(),
        tasks: ids,
        below: None,
    };
    assert_eq!(found(&scene, record.id, page).await, None);
    assert_eq!(items(&scene, record.id, all_items()).await, []);
}

pub async fn what_is_decided_uses_up_its_rate(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 4).await;
    let record = of_few_per_second(&scene, at(10), &ids).await;
    assert_eq!(record.max_per_second, MaxPerSecond::new(20).ok());
    assert_eq!(record.pace, Pace::BEGIN);
    let one = Pace {
        decided: 1,
        ..Pace::BEGIN
    };
    let both = Pace {
        decided: 0,
        due_at: at(140),
    };
    for (now, item, pace) in [
        (at(20), ids[0], one),
        (at(30), ids[0], one),
        (at(40), ids[1], both),
    ] {
        let kept = decide(&scene, now, record.id, decided(&[(item, Canceled)])).await;
        assert_eq!(kept.unwrap().pace, pace, "{now}");
        assert_eq!(read(&scene, record.id).await.pace, pace, "{now}");
    }
}

pub async fn one_that_is_due_comes_before_one_that_is_not(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 3).await;
    let slow = of_few_per_second(&scene, at(10), &ids).await.id;
    let other = of_tasks(&scene, at(10), &ids).await.id;
    assert_eq!(open(&scene).await, [slow, other]);
    let two = decided(&[(ids[0], Canceled), (ids[1], Canceled)]);
    decide(&scene, at(20), slow, two).await;
    assert_eq!(open(&scene).await, [other, slow]);
    give_up_of(&scene, at(30), slow).await;
    assert_eq!(
        open(&scene).await,
        [slow, other],
        "to settle it never waits"
    );
}

pub async fn the_same_cancellation_is_replayed_under_its_key(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let first = begin(&scene, at(10), keyed("k", 1)).await;
    let again = ask(&scene, at(20), keyed("k", 1)).await;
    assert_eq!(again, CreateCancellationOutcome::Replayed(first.clone()));
    let other = ask(&scene, at(20), keyed("k", 2)).await;
    assert_eq!(other, CreateCancellationOutcome::Mismatch);
    let foreign = NewCancellation {
        namespace: abroad(),
        ..keyed("k", 2)
    };
    assert_ne!(begin(&scene, at(20), foreign).await.id, first.id);
    assert_eq!(open(&scene).await.len(), 2);
}

pub async fn undecided_items_are_told_with_what_their_task_is_by_now(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let pending = scene.create(demo()).await.id;
    let binding = scene.binding(demo(), "a").await.id;
    let bound = scene.bound(demo(), "b").await.id;
    let foreign = NewTask {
        namespace: abroad(),
        ..demo()
    };
    let foreign = scene.create(foreign).await.id;
    let id = of_tasks(&scene, at(10), &[pending, binding, bound, foreign])
        .await
        .id;
    let intended = DecidedSlice {
        intended: vec![binding],
        ..DecidedSlice::default()
    };
    decide(&scene, at(11), id, intended).await;
    let item = |task, status, execution, key: Option<&str>| UndecidedItem {
        task,
        intended: task == binding,
        standing: Some(UndecidedStanding {
            status,
            execution,
            binding_key: key.map(str::to_owned),
        }),
    };
    let expected = [
        item(pending, TaskStatus::Pending, None, None),
        item(binding, TaskStatus::Binding, None, Some("a")),
        item(bound, TaskStatus::Bound, Some(execution(7)), Some("b")),
        UndecidedItem {
            task: foreign,
            intended: false,
            standing: None,
        },
    ];
    let left = scene.store.list_undecided(id, MANY).await.unwrap();
    assert_eq!(left, expected);
    let few = scene.store.list_undecided(id, 2).await.unwrap();
    assert_eq!(few, expected[..2]);
}

pub async fn items_are_listed_page_by_page_and_by_what_became_of_them(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 5).await;
    let id = of_tasks(&scene, at(10), &ids).await.id;
    let outcomes = [(ids[0], Canceled), (ids[1], Already), (ids[3], Canceled)];
    decide(&scene, at(20), id, decided(&outcomes)).await;
    let page = CancellationItemFilter {
        after: Some(ids[0]),
        limit: 2,
        outcome: None,
    };
    let expected = [(ids[1], Some(Already)), (ids[2], None)];
    assert_eq!(items(&scene, id, page).await, expected);
    let canceled = CancellationItemFilter {
        outcome: Some(Canceled),
        ..all_items()
    };
    let expected = [(ids[0], Some(Canceled)), (ids[3], Some(Canceled))];
    assert_eq!(items(&scene, id, canceled).await, expected);
    let rest = CancellationItemFilter {
        after: Some(ids[0]),
        ..canceled
    };
    assert_eq!(items(&scene, id, rest).await, expected[1..]);
}

pub async fn cancellations_are_listed_newest_first_in_their_namespace(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let mut all = Vec::new();
    for number in 0..3 {
        all.insert(0, begin(&scene, at(number), wish(filter())).await);
    }
    let list = |before, limit| {
        let store = Arc::clone(&scene.store);
        async move {
            store
                .list_cancellations(&home(), before, limit)
                .await
                .unwrap()
        }
    };
    assert_eq!(list(None, MANY).await, all);
    assert_eq!(list(None, 1).await, all[..1]);
    assert_eq!(list(Some(all[0].id), MANY).await, all[1..]);
    let foreign = scene.store.list_cancellations(&abroad(), None, MANY).await;
    assert_eq!(foreign.unwrap(), []);
    let foreign = scene.store.get_cancellation(&abroad(), all[0].id).await;
    assert_eq!(foreign.unwrap(), None);
    let foreign = scene
        .store
        .list_cancellation_items(&abroad(), all[0].id, all_items())
        .await;
    assert_eq!(foreign.unwrap(), None);
    let oldest_first: Vec<_> = all.iter().rev().map(|record| record.id).collect();
    assert_eq!(open(&scene).await, oldest_first);
}

pub async fn a_cancellation_outlives_a_restart(h: &mut impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 2).await;
    let id = of_few_per_second(&scene, at(10), &ids).await.id;
    let slice = DecidedSlice {
        known_at: Some(at(15)),
        ..decided(&[(ids[0], Canceled)])
    };
    let before = decide(&scene, at(20), id, slice).await.unwrap();
    drop(scene);
    h.restart().await;
    let scene = Scene::of(h);
    assert_eq!(read(&scene, id).await, before);
    assert_eq!(open(&scene).await, [id]);
    let left = scene.store.list_undecided(id, MANY).await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(of_tasks(&scene, at(30), &ids).await.id > id);
}

pub async fn one_that_is_done_is_forgotten_after_its_time(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let ids = tasks(&scene, 3).await;
    let done = of_tasks(&scene, at(10), &ids).await.id;
    let outcomes: Vec<_> = ids.iter().map(|id| (*id, Canceled)).collect();
    decide(&scene, at(20), done, decided(&outcomes)).await;
    let running = of_tasks(&scene, at(10), &ids).await.id;
    let forget = |now, limit| {
        let store = Arc::clone(&scene.store);
        async move { store.forget_cancellations(now, limit).await.unwrap() }
    };
    assert_eq!(forget(at(KEYS_KEPT_MS), 10).await, 0);
    let late = at(2 * KEYS_KEPT_MS);
    assert_eq!(forget(late, 2).await, 2, "items first");
    assert_eq!(read(&scene, done).await.total, 3);
    assert_eq!(forget(late, 10).await, 2);
    assert_eq!(forget(late, 10).await, 0);
    let gone = scene.store.get_cancellation(&home(), done).await;
    assert_eq!(gone.unwrap(), None);
    assert_eq!(items(&scene, running, all_items()).await.len(), 3);
}
