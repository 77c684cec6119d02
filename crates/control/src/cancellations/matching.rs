//! What a filter holds for, page by page, newest first. Type, labels and age are ours to tell; queue
//! and state are asked for, and never kept.

use std::collections::HashMap;

use taskpilot_api::cancellations::Conditions;
use taskpilot_api::executions::ExecutionSummary;
use taskpilot_api::extensions::Extension;
use taskpilot_api::open::Open;
use taskpilot_api::scheduler::Execution;
use taskpilot_client::scheduler::OnBehalf;
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::limits::PAGE_MAX;
use taskpilot_domain::names::Namespace;
use taskpilot_store::StoreError;
use taskpilot_store::rows::tasks::{TaskFilter, TaskRecord};

use crate::app::App;
use crate::executions::summaries::{self, summary};
use crate::scheduler::reach;
use crate::scheduler::translate::SchedulerFailure;

/// Why a page could not be told.
pub(super) enum Untold {
    Store(StoreError),
    Scheduler(SchedulerFailure),
}

/// A page of what is meant, each with what the scheduler says of it.
pub(super) struct Meant {
    pub(super) tasks: Vec<(TaskRecord, Option<ExecutionSummary>)>,
    /// Where the next one begins.
    pub(super) below: Option<TaskId>,
}

/// Whether only a scheduler that tells of its executions can say what is meant.
pub(super) fn asks_the_scheduler(conditions: &Conditions) -> bool {
    conditions.queue.is_some() || conditions.state.is_some()
}

/// Whether it does, and holds a state against a cancel where one is named.
pub(super) async fn can_tell(
    app: &App,
    on: &OnBehalf,
    conditions: &Conditions,
) -> Result<(), SchedulerFailure> {
    let offers = reach::offers(&app.scheduler, on, None).await?;
    if !offers.has(Extension::List) {
        return Err(SchedulerFailure::not_offered("lists"));
    }
    if conditions.state.is_some() && !offers.has(Extension::CancelBatch) {
        return Err(SchedulerFailure::not_offered("cancels in a state"));
    }
    Ok(())
}

/// The page of tasks below this id.
pub(super) async fn page(
    app: &App,
    (on, namespace): (&OnBehalf, &Namespace),
    conditions: &Conditions,
    below: Option<TaskId>,
) -> Result<Meant, Untold> {
    let filter = TaskFilter {
        kind: conditions.kind.clone(),
        labels: conditions.labels.clone(),
        before: below,
        limit: PAGE_MAX,
        ..TaskFilter::default()
    };
    let page = app.store.list_tasks(namespace, filter).await;
    let page = page.map_err(Untold::Store)?;
    let may_be = |task: &TaskRecord| {
        let is_old = |before| task.created_at < before;
        task.status != TaskStatus::Canceled && conditions.created_before.is_none_or(is_old)
    };
    let tasks: Vec<_> = page.tasks.into_iter().filter(may_be).collect();
    let known = known(app, on, conditions, &tasks).await;
    let known = known.map_err(Untold::Scheduler)?;
    let meant = |task: TaskRecord| {
        let execution = task.execution.map(|id| known.of(id));
        is_meant(conditions, execution.as_ref()).then(|| (task, execution.and_then(Known::summary)))
    };
    Ok(Meant {
        tasks: tasks.into_iter().filter_map(meant).collect(),
        below: page.next,
    })
}

/// What the scheduler says of an execution.
#[derive(Clone)]
enum Known {
    Said(Box<Execution>),
    /// It is forgotten after its retention, or lost.
    NotFound,
    /// This scheduler tells nothing.
    Untold,
}

impl Known {
    fn summary(self) -> Option<ExecutionSummary> {
        match self {
            Self::Said(execution) => Some(summary(*execution)),
            Self::NotFound | Self::Untold => None,
        }
    }
}

/// `None`: it cannot be asked.
struct Told(Option<HashMap<ExecutionId, Execution>>);

impl Told {
    fn of(&self, id: ExecutionId) -> Known {
        match self.0.as_ref().map(|known| known.get(&id)) {
            None => Known::Untold,
            Some(None) => Known::NotFound,
            Some(Some(execution)) => Known::Said(Box::new(execution.clone())),
        }
    }
}

async fn known(
    app: &App,
    on: &OnBehalf,
    conditions: &Conditions,
    tasks: &[TaskRecord],
) -> Result<Told, SchedulerFailure> {
    let ids: Vec<_> = tasks.iter().filter_map(|task| task.execution).collect();
    if ids.is_empty() {
        return Ok(Told(Some(HashMap::new())));
    }
    let offers = reach::offers(&app.scheduler, on, None).await?;
    if !offers.has(Extension::List) && !asks_the_scheduler(conditions) {
        return Ok(Told(None));
    }
    can_tell(app, on, conditions).await?;
    let found = summaries::find(app, on, &ids).await?;
    let found = found.into_iter().map(|execution| (execution.id, execution));
    Ok(Told(Some(found.collect())))
}

/// Whatever has not ended, unless a state is named. What is not bound is in no queue and in no state.
fn is_meant(conditions: &Conditions, execution: Option<&Known>) -> bool {
    match execution {
        None | Some(Known::Untold) => !asks_the_scheduler(conditions),
        Some(Known::NotFound) => false,
        Some(Known::Said(execution)) => {
            let queue = conditions.queue.as_ref();
            let in_queue =
                queue.is_none_or(|queue| execution.queue.as_deref() == Some(queue.as_str()));
            in_queue && is_in_state(conditions.state, &execution.status)
        }
    }
}

/// A state that this version does not know has not ended, for all that is known.
fn is_in_state(wanted: Option<State>, status: &Open<State>) -> bool {
    match wanted {
        Some(wanted) => status.known() == Some(wanted),
        None => status.known().is_none_or(|state| !state.is_final()),
    }
}
