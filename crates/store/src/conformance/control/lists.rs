//! Lists: newest first, filtered, paged without gaps and repeats.

use std::collections::BTreeSet;

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::{LIST_STEPS_MAX, PAGE_BYTES_MAX, PAGE_MAX};

use super::scene::Scene;
use super::words::{abroad, all, at, demo, home, kind, labeled, labels_of};
use crate::conformance::ControlHarness;
use crate::rows::tasks::{NewTask, TaskFilter, TaskPage};

pub async fn the_newest_comes_first(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, scene.create(demo()).await.id);
    }
    assert_eq!(scene.ids(all()).await, ids);
    let page = TaskFilter { limit: 2, ..all() };
    assert_eq!(scene.ids(page).await, ids[..2]);
}

pub async fn a_page_starts_below_its_cursor(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    scene.submit(vec![demo(); 5]).await;
    let ids = scene.ids(all()).await;
    let below = |id: TaskId| TaskFilter {
        before: Some(id),
        ..all()
    };
    assert_eq!(scene.ids(below(ids[1])).await, ids[2..]);
    assert_eq!(scene.ids(below(ids[4])).await, []);
    let first = TaskId::new(1).unwrap();
    assert_eq!(scene.ids(below(first)).await, []);
}

pub async fn each_filter_keeps_what_it_names(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let pending = scene.create(labeled(&[("team", "ops")])).await.id;
    let report = NewTask {
        kind: kind("report"),
        ..labeled(&[("team", "dev")])
    };
    let report = scene.create(report).await.id;
    let binding = scene.binding(demo(), "a").await.id;
    let bound = scene.bound(demo(), "b").await.id;
    let with_status = |status| TaskFilter {
        status: Some(status),
        ..all()
    };
    let with_kind = |name| TaskFilter {
        kind: Some(kind(name)),
        ..all()
    };
    assert_eq!(
        scene.ids(with_status(TaskStatus::Pending)).await,
        [report, pending]
    );
    assert_eq!(scene.ids(with_status(TaskStatus::Binding)).await, [binding]);
    assert_eq!(scene.ids(with_status(TaskStatus::Bound)).await, [bound]);
    assert_eq!(scene.ids(with_status(TaskStatus::Canceled)).await, []);
    assert_eq!(scene.ids(with_kind("report")).await, [report]);
    assert_eq!(
        scene.ids(with_kind("demo")).await,
        [bound, binding, pending]
    );
    assert_eq!(scene.ids(with_kind("dem")).await, []);
    assert_eq!(scene.ids(with_labels(&[("team", "ops")])).await, [pending]);
    assert_eq!(scene.ids(with_labels(&[("team", "Ops")])).await, []);
    assert_eq!(scene.ids(with_labels(&[("ops", "team")])).await, []);
}

pub async fn filters_hold_together(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let mut expected = Vec::new();
    for number in 0..60 {
        let parity = if number % 2 == 0 { "even" } else { "odd" };
        let third = if number % 3 == 0 { "yes" } else { "no" };
        let task = NewTask {
            kind: kind(if number % 5 == 0 { "fifth" } else { "demo" }),
            ..labeled(&[("parity", parity), ("third", third)])
        };
        let id = scene.create(task).await.id;
        if number % 4 == 0 {
            let withdrawn = scene.store.withdraw_task(at(1), &home(), id).await;
            withdrawn.unwrap();
        }
        if number % 2 == 0 && number % 3 == 0 && number % 5 == 0 && number % 4 == 0 {
            expected.insert(0, id);
        }
    }
    let filter = TaskFilter {
        status: Some(TaskStatus::Canceled),
        kind: Some(kind("fifth")),
        ..with_labels(&[("parity", "even"), ("third", "yes")])
    };
    assert_eq!(scene.ids(filter).await, expected);
    let nobody = with_labels(&[("parity", "even"), ("third", "perhaps")]);
    assert_eq!(scene.ids(nobody).await, []);
}

pub async fn a_status_filter_follows_the_status(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(labeled(&[("team", "ops")])).await.id;
    let withdrawn = scene.store.withdraw_task(at(1), &home(), id).await;
    withdrawn.unwrap();
    let with = |status| TaskFilter {
        status: Some(status),
        ..with_labels(&[("team", "ops")])
    };
    assert_eq!(scene.ids(with(TaskStatus::Pending)).await, []);
    assert_eq!(scene.ids(with(TaskStatus::Canceled)).await, [id]);
}

pub async fn pages_have_no_gaps_and_no_repeats_while_tasks_come_in(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = || labeled(&[("team", "ops")]);
    scene.submit(vec![task(); 55]).await;
    let there: BTreeSet<_> = scene.ids(all()).await.into_iter().collect();
    let mut seen = Vec::new();
    let mut filter = TaskFilter {
        limit: 10,
        ..with_labels(&[("team", "ops")])
    };
    loop {
        let page = scene.ids(filter.clone()).await;
        let Some(last) = page.last() else { break };
        filter.before = Some(*last);
        seen.extend(page);
        let foreign = NewTask {
            namespace: abroad(),
            ..task()
        };
        scene.submit(vec![task(), foreign]).await;
    }
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first, none twice");
    let seen: BTreeSet<_> = seen.into_iter().collect();
    assert_eq!(seen, there, "what came in later is above the first cursor");
}

pub async fn a_page_is_bounded(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    scene.submit(vec![demo(); PAGE_MAX as usize + 1]).await;
    let greedy = TaskFilter {
        limit: u32::MAX,
        ..all()
    };
    assert_eq!(scene.ids(greedy).await.len(), PAGE_MAX as usize);
    let none = TaskFilter { limit: 0, ..all() };
    assert_eq!(scene.ids(none).await, []);
}

pub async fn a_page_ends_with_the_task_that_fills_its_bytes(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let half = NewTask {
        payload: format!("\"{}\"", "x".repeat(PAGE_BYTES_MAX / 2)).into(),
        ..demo()
    };
    scene
        .submit(vec![half.clone(), half.clone(), demo(), half])
        .await;
    let page = scene.ids(all()).await;
    let sizes: Vec<i64> = page.iter().map(|id| id.get()).collect();
    assert_eq!(sizes, [4, 3, 2]);
    let rest = TaskFilter {
        before: page.last().copied(),
        ..all()
    };
    assert_eq!(scene.ids(rest).await.len(), 1);
}

fn with_labels(labels: &[(&str, &str)]) -> TaskFilter {
    TaskFilter {
        labels: labels_of(labels),
        ..all()
    }
}

fn titled(title: &str) -> NewTask {
    NewTask {
        title: Some(title.into()),
        ..demo()
    }
}

fn with_title(text: &str) -> TaskFilter {
    TaskFilter {
        title: Some(text.into()),
        ..all()
    }
}

pub async fn a_title_is_found_by_a_text_in_it(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let straße = scene.create(titled("Straße 50%_off")).await.id;
    let report = NewTask {
        kind: kind("report"),
        ..titled("the YEARLY report")
    };
    let report = scene.create(report).await.id;
    scene.create(demo()).await;
    for (text, found) in [
        ("yearly", &[report][..]),
        ("STRAßE", &[straße][..]),
        ("%_", &[straße][..]),
        ("e", &[report, straße][..]),
        ("%", &[straße][..]),
        ("monthly", &[][..]),
    ] {
        assert_eq!(scene.ids(with_title(text)).await, found, "{text}");
    }
    let of_kind = TaskFilter {
        kind: Some(kind("demo")),
        ..with_title("e")
    };
    assert_eq!(scene.ids(of_kind).await, [straße]);
}

pub async fn a_page_says_whether_there_is_another(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    scene.submit(vec![demo(); 4]).await;
    let ids = scene.ids(all()).await;
    let next = async |before: Option<TaskId>, limit: u32| {
        let filter = TaskFilter {
            before,
            limit,
            ..TaskFilter::default()
        };
        let page = scene.store.list_tasks(&home(), filter).await.unwrap();
        page.next
    };
    assert_eq!(next(None, 3).await, Some(ids[2]));
    assert_eq!(next(None, 4).await, None);
    assert_eq!(next(Some(ids[2]), 1).await, None);
    assert_eq!(next(Some(ids[1]), 1).await, Some(ids[2]));
}

pub async fn a_page_ends_where_its_walk_is_long(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let oldest = scene.create(titled("needle")).await;
    let hay = LIST_STEPS_MAX as usize;
    for _ in 0..hay.div_ceil(1_000) {
        scene.submit(vec![demo(); 1_000]).await;
    }
    let first = scene.store.list_tasks(&home(), with_title("needle")).await;
    let TaskPage { tasks, next } = first.unwrap();
    assert_eq!(tasks, []);
    let rest = TaskFilter {
        before: Some(next.unwrap()),
        ..with_title("needle")
    };
    let second = scene.store.list_tasks(&home(), rest).await.unwrap();
    let expected = TaskPage {
        tasks: vec![oldest],
        next: None,
    };
    assert_eq!(second, expected);
}
