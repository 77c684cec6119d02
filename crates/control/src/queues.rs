//! Queues, as the scheduler has them: nothing of them is kept here.

use serde::de::DeserializeOwned;
use taskpilot_api::extensions::Extension;
use taskpilot_api::page::Page;
use taskpilot_api::queues::{LimitQueue, PauseQueue, QueueItem};
use taskpilot_client::scheduler::OnBehalf;
use taskpilot_client::transport::{Answer, NoAnswer};
use taskpilot_domain::names::QueueName;
use taskpilot_domain::queue::{MaxRunning, QueueChange};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;

use crate::app::App;
use crate::scheduler::translate::{Asked, SchedulerFailure, success};
use crate::scheduler::{behalf, reach};

/// Lists the queues. The plain contract knows none.
pub(crate) async fn list(app: &App, context: &RequestContext) -> Result<Page<QueueItem>, ApiError> {
    let on = behalf::of_request(context);
    let page = async {
        needs_queues(app, &on).await?;
        read(app.scheduler.queues(&on).await)
    };
    page.await
        .map_err(|failure: SchedulerFailure| failure.told(Asked::Other))
}

/// Passes a change on, in the name of the caller.
pub(crate) async fn change(
    app: &App,
    context: &RequestContext,
    name: &QueueName,
    change: QueueChange,
) -> Result<QueueItem, ApiError> {
    let on = behalf::of_request(context);
    let (path, body) = wire(name, change).map_err(ApiError::fault)?;
    let changed = async {
        needs_queues(app, &on).await?;
        read(app.scheduler.change_queue(&on, &path, body).await)
    };
    changed
        .await
        .map_err(|failure: SchedulerFailure| failure.told(Asked::Other))
}

/// The rest of the path, and the body.
fn wire(
    name: &QueueName,
    change: QueueChange,
) -> Result<(String, Option<Vec<u8>>), serde_json::Error> {
    Ok(match change {
        QueueChange::Limit(limit) => {
            let max_running = limit.map(MaxRunning::get);
            let body = serde_json::to_vec(&LimitQueue { max_running })?;
            (name.to_string(), Some(body))
        }
        QueueChange::Pause { reason, .. } => {
            let body = serde_json::to_vec(&PauseQueue { reason })?;
            (format!("{name}/pause"), Some(body))
        }
        QueueChange::Resume => (format!("{name}/resume"), None),
    })
}

async fn needs_queues(app: &App, on: &OnBehalf) -> Result<(), SchedulerFailure> {
    let offers = reach::offers(&app.scheduler, on, None).await?;
    if offers.has(Extension::Queues) {
        Ok(())
    } else {
        Err(SchedulerFailure::not_offered("queues"))
    }
}

fn read<T: DeserializeOwned>(answer: Result<Answer, NoAnswer>) -> Result<T, SchedulerFailure> {
    success(answer)?
        .read()
        .map_err(SchedulerFailure::unreadable)
}
