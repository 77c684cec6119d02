//! Queues, as the scheduler has them: nothing of them is kept here.

use serde::de::DeserializeOwned;
use taskpilot_api::extensions::Extension;
use taskpilot_api::page::{Page, page_limit};
use taskpilot_api::queues::{LimitQueue, ListQueues, PauseQueue, QueueItem, ResumeQueue};
use taskpilot_client::scheduler::OnBehalf;
use taskpilot_client::transport::{Answer, NoAnswer};
use taskpilot_domain::names::QueueName;
use taskpilot_domain::queue::{MaxRunning, QueueAction, QueueChange};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;

use crate::app::App;
use crate::scheduler::translate::{Asked, SchedulerFailure, success};
use crate::scheduler::{behalf, cursor, reach};

/// Lists the queues, page by page. The plain contract knows none.
pub(crate) async fn list(
    app: &App,
    context: &RequestContext,
    query: ListQueues,
) -> Result<Page<QueueItem>, ApiError> {
    let limit = page_limit(query.limit).map_err(ApiError::invalid_query)?;
    let after = query.after.map(cursor::passed_on).transpose()?;
    let mut pairs = vec![("limit", limit.to_string())];
    pairs.extend(after.map(|after| ("after", after)));
    let on = behalf::of_request(context);
    let answer = async {
        needs_queues(app, &on).await?;
        let answer = app.scheduler.queues(&on, &pairs).await;
        answer.map_err(|silence| SchedulerFailure::of_silence(&silence))
    };
    let answer = answer.await.map_err(told)?;
    cursor::taken(&answer)?;
    read(Ok(answer)).map_err(told)
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
    changed.await.map_err(told)
}

/// The rest of the path, and the body.
fn wire(
    name: &QueueName,
    change: QueueChange,
) -> Result<(String, Option<Vec<u8>>), serde_json::Error> {
    let reason = change.reason;
    Ok(match change.action {
        QueueAction::Limit(limit) => {
            let max_running = limit.map(MaxRunning::get);
            let body = serde_json::to_vec(&LimitQueue { max_running })?;
            (name.to_string(), Some(body))
        }
        QueueAction::Pause => {
            let body = serde_json::to_vec(&PauseQueue { reason })?;
            (format!("{name}/pause"), Some(body))
        }
        QueueAction::Resume => {
            let body = serde_json::to_vec(&ResumeQueue { reason })?;
            (format!("{name}/resume"), Some(body))
        }
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

#[expect(clippy::needless_pass_by_value, reason = "it ends a chain of results")]
fn told(failure: SchedulerFailure) -> ApiError {
    failure.told(Asked::Other)
}
