//! What a cancellation would be about; nothing is changed or kept.

use taskpilot_api::cancellations::{CancellationTarget, Conditions, DryRun, SampledTask};
use taskpilot_api::executions::ExecutionSummary;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::limits::CANCELLATION_SAMPLE_MAX;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::TaskRecord;

use super::matching::{self, Untold};
use crate::app::App;
use crate::executions::summaries;
use crate::http::error::unavailable;
use crate::scheduler::behalf;
use crate::scheduler::translate::Asked;

/// What would be canceled.
pub(crate) struct DryRunOf(pub(super) CancellationTarget);

/// Counts it. Of tasks that are named by their ids those are counted that there are.
pub(crate) async fn run(
    app: &App,
    context: &RequestContext,
    DryRunOf(target): DryRunOf,
) -> Result<DryRun, ApiError> {
    match target {
        CancellationTarget::Ids(ids) => named(app, context, &ids).await,
        CancellationTarget::Filter(conditions) => meant(app, context, &conditions).await,
    }
}

async fn named(app: &App, context: &RequestContext, ids: &[TaskId]) -> Result<DryRun, ApiError> {
    let (mut matched, mut sample) = (0, Vec::new());
    for id in ids.iter().rev() {
        let found = app.store.get_task(&context.namespace, *id).await;
        let Some(task) = found.map_err(unavailable)? else {
            continue;
        };
        matched += 1;
        if sample.len() < CANCELLATION_SAMPLE_MAX {
            sample.push(task);
        }
    }
    let executions: Vec<ExecutionId> = sample.iter().filter_map(|task| task.execution).collect();
    let known = summaries::of(app, context, &executions).await;
    let summary = |task: &TaskRecord| known.as_ref()?.get(&task.execution?).cloned();
    let sample = sample.into_iter().map(|task| {
        let execution = summary(&task);
        sampled(task, execution)
    });
    Ok(DryRun {
        matched,
        sample: sample.collect(),
    })
}

async fn meant(
    app: &App,
    context: &RequestContext,
    conditions: &Conditions,
) -> Result<DryRun, ApiError> {
    let on = behalf::of_request(context);
    let mut dry = DryRun {
        matched: 0,
        sample: Vec::new(),
    };
    let mut below = None;
    loop {
        let page = matching::page(app, (&on, &context.namespace), conditions, below).await;
        let page = page.map_err(told)?;
        dry.matched += page.tasks.len() as u64;
        let room = CANCELLATION_SAMPLE_MAX - dry.sample.len();
        let some = page.tasks.into_iter().take(room);
        dry.sample
            .extend(some.map(|(task, execution)| sampled(task, execution)));
        below = page.below;
        if below.is_none() {
            return Ok(dry);
        }
    }
}

fn sampled(task: TaskRecord, execution: Option<ExecutionSummary>) -> SampledTask {
    SampledTask {
        id: task.id,
        r#type: task.kind,
        title: task.title,
        execution,
    }
}

fn told(untold: Untold) -> ApiError {
    match untold {
        Untold::Store(error) => unavailable(error),
        Untold::Scheduler(failure) => failure.not_applied().told(Asked::Other),
    }
}
