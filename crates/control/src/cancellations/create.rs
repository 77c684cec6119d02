//! Begins a cancellation: once it is committed it is carried out, whatever happens.

use taskpilot_api::cancellations::{
    CancellationFilter, CancellationTarget, Conditions, CreateCancellation, NewCancellation,
};
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::problem::Outcome;
use taskpilot_domain::names::IdempotencyKey;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::cancellations::{
    self as rows, CancellationRecord, CreateCancellationOutcome,
};

use super::dry_run::DryRunOf;
use super::matching;
use crate::app::App;
use crate::http::error::unavailable;
use crate::scheduler::behalf;
use crate::scheduler::translate::Asked;
use crate::tasks::create::keyed;

/// What a call that creates one asks for.
pub(crate) enum Asks {
    /// The cancellation, now or before.
    Begun(CancellationRecord),
    /// Only how many it would be about.
    DryRun(DryRunOf),
}

/// Begins one, unless it is only to be told what it would be about.
pub(crate) async fn create(
    app: &App,
    context: &RequestContext,
    key: Option<IdempotencyKey>,
    body: CreateCancellation,
) -> Result<Asks, ApiError> {
    let key = key.map(|key| keyed(key, &body)).transpose()?;
    let NewCancellation {
        target,
        reason,
        max_per_second,
        dry_run,
    } = body.resolve()?;
    if let CancellationTarget::Filter(conditions) = &target {
        needs(app, context, conditions).await?;
    }
    if dry_run {
        return Ok(Asks::DryRun(DryRunOf(target)));
    }
    let target = match target {
        CancellationTarget::Ids(ids) => rows::CancellationTarget::Tasks(ids),
        CancellationTarget::Filter(conditions) => {
            let filter = CancellationFilter::from(&conditions);
            let text = serde_json::to_string(&filter).map_err(ApiError::fault)?;
            rows::CancellationTarget::Filter(text.into())
        }
    };
    let new = rows::NewCancellation {
        namespace: context.namespace.clone(),
        requested_by: context.principal.clone(),
        reason,
        target,
        max_per_second,
        key,
    };
    let created = app.store.create_cancellation(app.now(), new).await;
    match created.map_err(unavailable)? {
        CreateCancellationOutcome::Created(record) => {
            app.cancellations.wake();
            Ok(Asks::Begun(record))
        }
        CreateCancellationOutcome::Replayed(record) => Ok(Asks::Begun(record)),
        CreateCancellationOutcome::Mismatch => {
            let detail = "this key came before with another body";
            Err(ApiError::new(ErrorCode::IdempotencyMismatch, detail))
        }
    }
}

/// Queue and state are the scheduler's knowledge: one that does not tell them is not asked.
async fn needs(
    app: &App,
    context: &RequestContext,
    conditions: &Conditions,
) -> Result<(), ApiError> {
    if !matching::asks_the_scheduler(conditions) {
        return Ok(());
    }
    let on = behalf::of_request(context);
    let can = matching::can_tell(app, &on, conditions).await;
    can.map_err(|failure| failure.told(Asked::Other).outcome(Outcome::NotApplied))
}
