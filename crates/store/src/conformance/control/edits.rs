//! Edits: of the version that was seen, and of nothing but words.

use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::LABELS_MAX;
use taskpilot_domain::tasks::{LabelsEdit, TaskEdit};

use super::scene::Scene;
use super::words::{abroad, all, at, demo, home, labeled, labels_of, nowhere};
use crate::conformance::ControlHarness;
use crate::rows::tasks::{EditOutcome, NewTask, TaskFilter, TaskRecord};

fn titled(title: &str) -> TaskEdit {
    TaskEdit {
        title: Some(Some(title.into())),
        labels: LabelsEdit::Keep,
    }
}

fn relabeled(changes: &[(&str, Option<&str>)]) -> TaskEdit {
    let changes = changes.iter();
    let changes = changes.map(|(key, value)| ((*key).into(), value.map(Into::into)));
    TaskEdit {
        title: None,
        labels: LabelsEdit::Merge(changes.collect()),
    }
}

async fn edit(scene: &Scene, id: TaskId, expected: Option<i64>, edit: TaskEdit) -> EditOutcome {
    let expected = expected.map(|version| vec![version]);
    let home = home();
    let edited = scene.store.edit_task(at(5), (&home, id), expected, edit);
    edited.await.unwrap()
}

pub async fn an_edit_is_a_new_version(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.create(labeled(&[("a", "1"), ("b", "2")])).await;
    let change = TaskEdit {
        title: Some(Some("Straße".into())),
        ..relabeled(&[("a", None), ("b", Some("3")), ("c", Some(""))])
    };
    let expected = TaskRecord {
        title: Some("Straße".into()),
        labels: labels_of(&[("b", "3"), ("c", "")]),
        version: 2,
        updated_at: at(5),
        ..task
    };
    let edited = edit(&scene, expected.id, Some(1), change).await;
    assert_eq!(edited, EditOutcome::Edited(expected.clone()));
    assert_eq!(scene.task(expected.id).await, expected);
    let bare = TaskEdit {
        title: Some(None),
        labels: LabelsEdit::Clear,
    };
    let expected = TaskRecord {
        title: None,
        labels: labels_of(&[]),
        version: 3,
        ..expected
    };
    let edited = edit(&scene, expected.id, None, bare).await;
    assert_eq!(edited, EditOutcome::Edited(expected.clone()));
    assert_eq!(scene.task(expected.id).await, expected);
}

pub async fn an_edit_that_changes_nothing_is_no_new_version(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.create(labeled(&[("a", "1")])).await;
    for same in [
        TaskEdit::default(),
        relabeled(&[("a", Some("1")), ("b", None)]),
    ] {
        let edited = edit(&scene, task.id, Some(1), same).await;
        assert_eq!(edited, EditOutcome::Edited(task.clone()));
    }
    assert_eq!(scene.task(task.id).await, task);
}

pub async fn another_version_is_stale(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.create(demo()).await;
    let stale = edit(&scene, task.id, Some(2), titled("x")).await;
    assert_eq!(stale, EditOutcome::Stale);
    let home = home();
    let none = scene
        .store
        .edit_task(at(5), (&home, task.id), Some(vec![]), titled("x"));
    assert_eq!(none.await.unwrap(), EditOutcome::Stale);
    assert_eq!(scene.task(task.id).await, task);
}

pub async fn labels_that_were_edited_are_found_anew(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(labeled(&[("a", "1"), ("b", "2")])).await.id;
    let change = relabeled(&[("a", Some("9")), ("b", None)]);
    edit(&scene, id, None, change).await;
    let with = |key: &str, value: &str| TaskFilter {
        labels: labels_of(&[(key, value)]),
        ..all()
    };
    assert_eq!(scene.ids(with("a", "9")).await, [id]);
    assert_eq!(scene.ids(with("a", "1")).await, []);
    assert_eq!(scene.ids(with("b", "2")).await, []);
}

pub async fn an_edit_leaves_the_binding_alone(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let task = scene.binding(demo(), "a").await;
    let due = scene.only_due().await;
    let edited = edit(&scene, task.id, None, titled("x")).await;
    let expected = TaskRecord {
        title: Some("x".into()),
        version: task.version + 1,
        updated_at: at(5),
        ..task
    };
    assert_eq!(edited, EditOutcome::Edited(expected));
    assert_eq!(scene.only_due().await, due);
}

pub async fn a_task_never_gets_too_many_labels(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let full = NewTask {
        labels: (0..LABELS_MAX)
            .map(|n| (format!("k{n}"), String::new()))
            .collect(),
        ..demo()
    };
    let task = scene.create(full).await;
    let refused = edit(&scene, task.id, None, relabeled(&[("more", Some("x"))])).await;
    assert_eq!(refused, EditOutcome::TooManyLabels);
    assert_eq!(scene.task(task.id).await, task);
}

pub async fn of_racing_edits_of_one_version_one_wins(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let id = scene.create(demo()).await.id;
    let edits = scene.race(50, move |scene, number| async move {
        edit(&scene, id, Some(1), titled(&number.to_string())).await
    });
    let won = edits.await.into_iter();
    let won: Vec<_> = won.filter(|one| *one != EditOutcome::Stale).collect();
    assert_eq!(won, [EditOutcome::Edited(scene.task(id).await)]);
}

pub async fn what_is_not_there_is_not_edited(h: &impl ControlHarness) {
    let scene = Scene::of(h);
    let missing = edit(&scene, nowhere(), None, titled("x")).await;
    assert_eq!(missing, EditOutcome::Missing);
    let task = scene.create(demo()).await;
    let abroad = abroad();
    let foreign = scene
        .store
        .edit_task(at(5), (&abroad, task.id), None, titled("x"));
    assert_eq!(foreign.await.unwrap(), EditOutcome::Missing);
    assert_eq!(scene.task(task.id).await, task);
}
