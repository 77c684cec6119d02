//! What is below a task whose tree was closed: the wait for all of it.

mod tally;

use std::collections::VecDeque;

use taskpilot_api::executions::ExecutionView;
use taskpilot_api::page::Page;
use taskpilot_api::tasks::TaskItem;
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::{PAGE_MAX, TREE_SHOWN_MAX, TREE_WAITED_MAX};

pub(super) use tally::worst;
use tally::{Below, Seen};

use super::proof::Asked;
use crate::commands::Session;
use crate::commands::wait::{self, Patience};
use crate::exit::{Code, Failure};
use crate::output;

/// Waits until all that is bound below a task is decided, and each of their stops is settled; where that
/// is asked for, until their cleanups have ended, too.
///
/// The tree is closed: whatever is bound below after it was read is canceled from the start.
pub(super) async fn ended(
    asked: &Asked,
    patience: &mut Patience,
    session: &Session,
) -> Result<Below, Failure> {
    let (tasks, more) = read(asked.id, patience, session).await?;
    let mut below = Below::of(tasks.len(), asked.cleanup);
    if more {
        below.is_cut();
    }
    let mut watcher = Watcher {
        session,
        patience,
        with_cleanup: asked.cleanup,
        is_in_time: true,
        late_looks: TREE_SHOWN_MAX,
    };
    for (number, id) in tasks.into_iter().enumerate() {
        output::progress(&format!("below it: {number} of {} have ended", below.tasks));
        let seen = watcher.ended(id).await?;
        below.count(id, &seen);
    }
    output::progress("");
    Ok(below)
}

/// What is bound or being bound below a task, level by level, and whether that is not all of it.
async fn read(
    root: TaskId,
    patience: &mut Patience,
    session: &Session,
) -> Result<(Vec<TaskId>, bool), Failure> {
    let (mut found, mut next) = (Vec::new(), VecDeque::from([root]));
    while let Some(parent) = next.pop_front() {
        let mut after = None;
        loop {
            let page = children(parent, after, patience, session).await?;
            // A child is bound after its parent: below what is not bound nothing is.
            let bound = page.items.into_iter().filter(|item| match item.status {
                TaskStatus::Bound | TaskStatus::Binding => true,
                TaskStatus::Pending | TaskStatus::Canceled => false,
            });
            for item in bound {
                if found.len() == TREE_WAITED_MAX {
                    return Ok((found, true));
                }
                found.push(item.id);
                next.push_back(item.id);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok((found, false))
}

async fn children(
    of: TaskId,
    after: Option<String>,
    patience: &mut Patience,
    session: &Session,
) -> Result<Page<TaskItem>, Failure> {
    let mut query = vec![
        ("parentTaskId", of.to_string()),
        ("limit", PAGE_MAX.to_string()),
    ];
    query.extend(after.map(|after| ("after", after)));
    let list = || async { Ok(session.client.list(&query).await?) };
    match patience.answer(list).await {
        // What is below is told also where the time was over before it was looked at.
        Err(ran_out @ Failure::Coded(Code::TimedOut, _)) => list().await.map_err(|_| ran_out),
        answer => answer,
    }
}

/// Who waits for one task after the other, and looks at some more when the time is over.
struct Watcher<'w> {
    session: &'w Session,
    patience: &'w mut Patience,
    with_cleanup: bool,
    is_in_time: bool,
    late_looks: usize,
}

impl Watcher<'_> {
    async fn ended(&mut self, id: TaskId) -> Result<Seen, Failure> {
        if !self.is_in_time {
            return Ok(self.late_look(id).await);
        }
        let client = &self.session.client;
        let with_cleanup = self.with_cleanup;
        let settled = |view: &ExecutionView| {
            wait::stop_is_settled(view) && (!with_cleanup || wait::cleanup_is_over(view))
        };
        match wait::until(client, id.get(), self.patience, settled, |_| ()).await {
            Ok((view, settled)) => {
                self.is_in_time = settled;
                Ok(Seen::Execution(Box::new(view)))
            }
            Err(failure) => match failure.code() {
                Code::TimedOut => {
                    self.is_in_time = false;
                    Ok(self.late_look(id).await)
                }
                Code::NotFound => Ok(Seen::Forgotten),
                Code::Conflict => {
                    let status = client.get(id.get()).await?.status;
                    let is_lost = status == TaskStatus::Binding;
                    Ok(if is_lost { Seen::Lost } else { Seen::NotBound })
                }
                _ => Err(failure),
            },
        }
    }

    async fn late_look(&mut self, id: TaskId) -> Seen {
        if self.late_looks == 0 {
            return Seen::NotLookedAt;
        }
        self.late_looks -= 1;
        let look = self.session.client.execution(id.get()).await;
        look.map_or(Seen::NotLookedAt, |view| Seen::Execution(Box::new(view)))
    }
}
