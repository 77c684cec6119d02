//! Edits the words of a task, under its version.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::tasks::{LabelsEdit, TaskEdit, TooManyLabels, Words};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::tasks::{EditOutcome, TaskRecord};

use super::create::{INSERT_LABEL, labels_text};
use super::find_in;
use crate::failure::Failure;
use crate::transaction::Tx;

const EDIT: &str = include_str!("../../../sql/control/tasks/edit.sql");
const DELETE_LABEL: &str = include_str!("../../../sql/control/tasks/delete_label.sql");

/// About what an edit keeps in memory and writes.
pub(in crate::control) fn bytes(edit: &TaskEdit) -> usize {
    let title = edit.title.iter().flatten().map(String::len).sum::<usize>();
    let labels = match &edit.labels {
        LabelsEdit::Keep | LabelsEdit::Clear => 0,
        LabelsEdit::Merge(changes) => changes
            .iter()
            .map(|(key, value)| key.len() + value.as_ref().map_or(0, String::len))
            .sum(),
    };
    256 + title + labels
}

/// What changes nothing is no new version.
pub(in crate::control) fn edit(
    tx: &Tx<'_>,
    now: Timestamp,
    (namespace, id): (&Namespace, TaskId),
    (expected, edit): (Option<&[i64]>, &TaskEdit),
) -> Result<EditOutcome, Failure> {
    let Some(task) = find_in(tx, namespace, id)? else {
        return Ok(EditOutcome::Missing);
    };
    if expected.is_some_and(|versions| !versions.contains(&task.version)) {
        return Ok(EditOutcome::Stale);
    }
    let before = Words {
        title: task.title.clone(),
        labels: task.labels.clone(),
    };
    match edit.of(&before) {
        Err(TooManyLabels) => Ok(EditOutcome::TooManyLabels),
        Ok(after) if after == before => Ok(EditOutcome::Edited(task)),
        Ok(after) => save(tx, now, task, after).map(EditOutcome::Edited),
    }
}

fn save(
    tx: &Connection,
    now: Timestamp,
    task: TaskRecord,
    words: Words,
) -> Result<TaskRecord, Failure> {
    let updated_at = task.updated_at.max(now);
    delete_labels(tx, &task, |key, value| words.labels.get(key) != Some(value))?;
    let mut insert_label = tx.prepare_cached(INSERT_LABEL)?;
    for (key, value) in added(&task.labels, &words.labels) {
        insert_label.execute(params![task.namespace.as_str(), key, value, task.id.get()])?;
    }
    let written = tx.prepare_cached(EDIT)?.execute(params![
        task.id.get(),
        task.version,
        words.title,
        labels_text(&words.labels),
        updated_at.as_millis(),
    ])?;
    // There is one writer, and it read this version in the same transaction.
    assert_eq!(written, 1, "invariant: the version of a task is guarded");
    Ok(TaskRecord {
        title: words.title,
        labels: words.labels,
        version: task.version + 1,
        updated_at,
        ..task
    })
}

fn added<'l>(
    before: &'l BTreeMap<String, String>,
    after: &'l BTreeMap<String, String>,
) -> impl Iterator<Item = (&'l String, &'l String)> {
    after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(*value))
}

/// Takes those labels of a task out of the index that `which` names.
pub(super) fn delete_labels(
    tx: &Connection,
    task: &TaskRecord,
    which: impl Fn(&String, &String) -> bool,
) -> Result<(), Failure> {
    let mut delete_label = tx.prepare_cached(DELETE_LABEL)?;
    for (key, value) in task.labels.iter().filter(|(key, value)| which(key, value)) {
        delete_label.execute(params![task.namespace.as_str(), key, value, task.id.get()])?;
    }
    Ok(())
}
