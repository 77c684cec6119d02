//! `task tree`: a task with all that is below it.

use std::collections::VecDeque;

use taskpilot_api::executions::ExecutionView;
use taskpilot_api::tasks::{Task, TaskItem};
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::{PAGE_MAX, TREE_SHOWN_MAX};

use crate::commands::{Session, describe};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// One task of a tree.
struct Node {
    task: Task,
    view: Option<ExecutionView>,
    children: Vec<usize>,
}

/// A tree, the root first; level by level, so that what is left out is what is deepest.
struct Tree {
    nodes: Vec<Node>,
    /// Whether there is more than was read.
    cut: bool,
}

pub(super) async fn run(id: TaskId, session: &Session) -> Result<Code, Failure> {
    let tree = read(id, session).await?;
    if session.format == Format::Json {
        output::json(&nested(&tree, 0)?)?;
        return Ok(Code::Ok);
    }
    let mut lines = Vec::new();
    draw(&tree, 0, ("", ""), &mut lines);
    for line in lines {
        output::state(&line);
    }
    if tree.cut {
        output::hint(&format!("the first {TREE_SHOWN_MAX} tasks of the tree"));
    }
    Ok(Code::Ok)
}

async fn read(id: TaskId, session: &Session) -> Result<Tree, Failure> {
    let root = session.client.get(id.get()).await?;
    let mut tree = Tree {
        nodes: Vec::new(),
        cut: false,
    };
    add(&mut tree, root, session).await;
    let mut next = VecDeque::from([0]);
    while let Some(parent) = next.pop_front() {
        for child in children(&mut tree, parent, session).await? {
            let index = tree.nodes.len();
            add(&mut tree, child, session).await;
            tree.nodes[parent].children.push(index);
            next.push_back(index);
        }
    }
    Ok(tree)
}

/// The children of a task, the oldest first, as far as there is room.
async fn children(tree: &mut Tree, of: usize, session: &Session) -> Result<Vec<Task>, Failure> {
    let parent = tree.nodes[of].task.id;
    let room = TREE_SHOWN_MAX - tree.nodes.len();
    let mut children = Vec::new();
    let mut after = None;
    loop {
        let mut query = vec![
            ("parentTaskId", parent.to_string()),
            ("limit", PAGE_MAX.to_string()),
        ];
        query.extend(after.map(|after| ("after", after)));
        let page = session.client.list(&query).await?;
        children.extend(page.items);
        after = page.next;
        if after.is_none() || children.len() > room {
            break;
        }
    }
    tree.cut |= children.len() > room;
    children.truncate(room);
    Ok(children.into_iter().rev().map(alone).collect())
}

/// A task of a list as it is told alone.
fn alone(item: TaskItem) -> Task {
    Task {
        id: item.id,
        r#type: item.r#type,
        title: item.title,
        labels: item.labels,
        payload: item.payload,
        status: item.status,
        scheduler_task_id: item.scheduler_task_id,
        version: item.version,
        created_at: item.created_at,
        updated_at: item.updated_at,
        bind_error: item.bind_error,
        cloned_from: item.cloned_from,
        parent_task_id: item.parent_task_id,
    }
}

/// What the scheduler does not tell of an execution is left out, and the tree is shown all the same.
async fn add(tree: &mut Tree, task: Task, session: &Session) {
    let view = match task.scheduler_task_id {
        Some(_) => session.client.execution(task.id.get()).await.ok(),
        None => None,
    };
    tree.nodes.push(Node {
        task,
        view,
        children: Vec::new(),
    });
}

/// A line for each, behind the box characters of its place.
fn draw(tree: &Tree, index: usize, (own, below): (&str, &str), lines: &mut Vec<String>) {
    let node = &tree.nodes[index];
    lines.push(format!("{own}{}", words(node)));
    for (place, child) in node.children.iter().enumerate() {
        let is_last = place + 1 == node.children.len();
        let (branch, rest) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let (own, below) = (format!("{below}{branch}"), format!("{below}{rest}"));
        draw(tree, *child, (&own, &below), lines);
    }
}

fn words(node: &Node) -> String {
    let task = &node.task;
    let mut words = format!("{} {}", task.id, task.r#type);
    if let Some(title) = &task.title {
        words = format!("{words} \"{title}\"");
    }
    let state = match &node.view {
        Some(view) => describe::state(view),
        None if task.scheduler_task_id.is_some() => "unavailable".to_owned(),
        None => task.status.as_str().to_owned(),
    };
    words = format!("{words}  {state}");
    let Some(view) = &node.view else {
        return words;
    };
    if let Some(stop) = &view.stop {
        words = format!("{words}, stop {}", describe::stop_status(stop));
    }
    match &view.cleanup {
        Some(owed) => format!("{words}, cleanup {}", describe::state(owed)),
        None => words,
    }
}

/// The tree as one JSON value: each task as it is told, with `execution` and `children`.
fn nested(tree: &Tree, index: usize) -> Result<serde_json::Value, Failure> {
    let node = &tree.nodes[index];
    let failed = |error| Failure::Other(anyhow::Error::from(error));
    let mut value = serde_json::to_value(&node.task).map_err(failed)?;
    let children = node.children.iter().map(|child| nested(tree, *child));
    value["execution"] = serde_json::to_value(&node.view).map_err(failed)?;
    value["children"] = children.collect::<Result<_, _>>()?;
    Ok(value)
}
