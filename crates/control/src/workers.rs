//! Worker sessions, as the scheduler lists them.

use taskpilot_api::page::Page;
use taskpilot_api::workers::WorkerItem;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;

use crate::app::App;
use crate::scheduler::translate::{Asked, SchedulerFailure, success};
use crate::scheduler::{behalf, reach};

/// Lists the worker sessions. The plain contract knows none.
pub(crate) async fn list(
    app: &App,
    context: &RequestContext,
) -> Result<Page<WorkerItem>, ApiError> {
    page(app, context)
        .await
        .map_err(|failure| failure.told(Asked::Other))
}

async fn page(app: &App, context: &RequestContext) -> Result<Page<WorkerItem>, SchedulerFailure> {
    let on = behalf::of_request(context);
    let offers = reach::offers(&app.scheduler, &on, None).await?;
    if offers.is_plain() {
        return Err(SchedulerFailure::unsupported("a list of workers"));
    }
    let answer = success(app.scheduler.workers(&on).await)?;
    answer.read().map_err(SchedulerFailure::unreadable)
}
