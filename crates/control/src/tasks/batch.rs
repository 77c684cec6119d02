//! Creates many tasks in one commit. Each stands or falls alone, and those that shall be bound are
//! bound together where the scheduler takes batches, else by the path of single creates.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use taskpilot_api::batch::BatchItem;
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::tasks::KeyedCreate;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::BINDINGS_AT_ONCE_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::bindings::BindingRecord;
use taskpilot_store::rows::tasks::TaskRecord;

use super::create::{Checked, Created, answer_of, as_it_is, checked};
use crate::app::App;
use crate::bindings::drive::{Driven, Errand};
use crate::bindings::flights::board;
use crate::bindings::together::drive_together;
use crate::http::error::unavailable;

/// Creates the tasks, now or before, and gives them in their order, each as it is now.
///
/// Once a create is committed it is acknowledged, whatever becomes of its binding.
pub(crate) async fn create(
    app: &Arc<App>,
    context: &RequestContext,
    items: Vec<BatchItem<KeyedCreate>>,
) -> Result<Vec<Result<TaskRecord, ApiError>>, ApiError> {
    let now = app.now();
    let mut good = Vec::with_capacity(items.len());
    let mut checks = Vec::with_capacity(items.len());
    for item in items {
        let checked = read(app, context, now, item).await;
        checks.push(checked.map(|Checked { new, unless_repeat }| {
            good.push(new);
            unless_repeat
        }));
    }
    let outcomes = app.store.create_tasks(now, good).await;
    let mut outcomes = outcomes.map_err(unavailable)?.into_iter();
    let created = checks
        .into_iter()
        .map(|check| check.and_then(|unless| answer_of(outcomes.next(), unless)))
        .collect();
    Ok(bound_if_possible(app, context, created).await)
}

async fn read(
    app: &App,
    context: &RequestContext,
    now: Timestamp,
    BatchItem(item): BatchItem<KeyedCreate>,
) -> Result<Checked, ApiError> {
    let item = item.map_err(|wrong| ApiError::new(ErrorCode::InvalidBody, wrong))?;
    checked(app, context, now, item.split()?).await
}

async fn bound_if_possible(
    app: &Arc<App>,
    context: &RequestContext,
    created: Vec<Result<Created, ApiError>>,
) -> Vec<Result<TaskRecord, ApiError>> {
    let open = created.iter().flatten();
    let open: Vec<_> = open.filter_map(|(_, binding)| binding.as_ref()).collect();
    let bound = drive_all(app, context, &open).await;
    let mut tasks = Vec::with_capacity(created.len());
    for one in created {
        tasks.push(match one {
            Ok((task, Some(_))) => Ok(match bound.get(&task.id) {
                Some(bound) => bound.clone(),
                None => as_it_is(app, task).await,
            }),
            other => other.map(|(task, _)| task),
        });
    }
    tasks
}

/// Those that were bound within the time of one call. A drive that is under way then goes on, and
/// what nobody began to drive is the reconciler's.
async fn drive_all(
    app: &Arc<App>,
    context: &RequestContext,
    open: &[&BindingRecord],
) -> HashMap<TaskId, TaskRecord> {
    let mut bound = HashMap::new();
    let errand = |record: &&BindingRecord| Errand {
        record: (*record).clone(),
        request_id: context.request_id.clone(),
    };
    let driving = async {
        let together = drive_together(app, open.iter().map(errand).collect()).await;
        let settled: HashSet<_> = together.iter().map(|(task, _)| *task).collect();
        bound.extend(
            together
                .into_iter()
                .filter_map(|(_, driven)| task_of(driven)),
        );
        let rest = open.iter().filter(|record| !settled.contains(&record.task));
        let rest: Vec<_> = rest.map(errand).collect();
        for some in rest.chunks(BINDINGS_AT_ONCE_MAX as usize) {
            let flights: Vec<_> = some.iter().map(|one| board(app, one.clone())).collect();
            for flight in flights {
                bound.extend(flight.landed().await.ok().and_then(task_of));
            }
        }
    };
    let in_time = tokio::time::timeout(app.call_time, driving).await.is_ok();
    if !in_time {
        let (bound, of) = (bound.len(), open.len());
        tracing::warn!(bound, of, "a batch is not bound within its time");
    }
    bound
}

fn task_of(driven: Driven) -> Option<(TaskId, TaskRecord)> {
    match driven {
        Driven::Bound(task) => Some((task.id, *task)),
        Driven::Refused(_) | Driven::Open(_) | Driven::Over | Driven::Broken(_) => None,
    }
}
