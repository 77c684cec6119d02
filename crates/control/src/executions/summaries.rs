//! How the executions of a page of tasks stand.

use std::collections::HashMap;

use taskpilot_api::executions::ExecutionSummary;
use taskpilot_api::extensions::Extension;
use taskpilot_api::page::Page;
use taskpilot_api::scheduler::Execution;
use taskpilot_client::scheduler::OnBehalf;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_server::context::RequestContext;

use crate::app::App;
use crate::scheduler::translate::{SchedulerFailure, success};
use crate::scheduler::{behalf, reach};

/// By id; `None` where the scheduler could not be asked.
///
/// The plain contract has no list, and one call per task would make a list cost a thousand: there
/// it cannot be asked either.
pub(crate) type Summaries = Option<HashMap<ExecutionId, ExecutionSummary>>;

/// Asks for all of them in one call, or not at all where there are none.
pub(crate) async fn of(app: &App, context: &RequestContext, ids: &[ExecutionId]) -> Summaries {
    if ids.is_empty() {
        return Some(HashMap::new());
    }
    match find(app, &behalf::of_request(context), ids).await {
        Ok(executions) => Some(
            executions
                .into_iter()
                .map(|one| (one.id, summary(one)))
                .collect(),
        ),
        Err(failure) => {
            tracing::debug!(cause = failure.cause(), "a list goes on without executions");
            None
        }
    }
}

/// Those of them that the scheduler knows, in one call.
pub(crate) async fn find(
    app: &App,
    on: &OnBehalf,
    ids: &[ExecutionId],
) -> Result<Vec<Execution>, SchedulerFailure> {
    let offers = reach::offers(&app.scheduler, on, None).await?;
    if !offers.has(Extension::List) {
        return Err(SchedulerFailure::unsupported("lists"));
    }
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let answer = app.scheduler.list(on, &[("ids", ids.join(","))]).await;
    let page: Page<Execution> = success(answer)?
        .read()
        .map_err(SchedulerFailure::unreadable)?;
    Ok(page.items)
}

/// What a list tells of it.
pub(crate) fn summary(execution: Execution) -> ExecutionSummary {
    ExecutionSummary {
        status: execution.status,
        phase: execution.phase,
        cleanup: execution.cleanup.map(|cleanup| cleanup.status),
    }
}
