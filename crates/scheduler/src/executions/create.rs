//! Accepts executions.

use std::sync::Arc;

use taskpilot_api::batch::BatchItem;
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::field::FieldError;
use taskpilot_api::scheduler::{CreateExecution, KeyedCreate};
use taskpilot_domain::limits::KEYS_KEPT_MS;
use taskpilot_domain::names::{IdempotencyKey, Namespace};
use taskpilot_domain::options::{ExecutionOptions, InvalidOption};
use taskpilot_domain::time::Timestamp;
use taskpilot_server::error::ApiError;
use taskpilot_server::fingerprint::fingerprint;
use taskpilot_store::rows::executions::{CreateOutcome, ExecutionRecord, NewExecution};
use taskpilot_store::rows::keys::KeyedRequest;
use uuid::Uuid;

use crate::app::App;
use crate::http::error::unavailable;

/// Accepts one execution, now or before.
pub(crate) async fn one(
    app: &App,
    namespace: Namespace,
    create: KeyedCreate,
) -> Result<ExecutionRecord, ApiError> {
    let new = checked(create, namespace, app.clock.now())?;
    call_a_claim(app, &new).await;
    let outcomes = app
        .store
        .create_executions(app.clock.now(), vec![new])
        .await;
    let outcome = outcomes.map_err(unavailable)?.into_iter().next();
    accepted(outcome.ok_or_else(|| ApiError::fault("a create without an outcome"))?)
}

/// A claim that waits for such work gets into the same commit: a handler begins a commit earlier.
async fn call_a_claim(app: &App, new: &NewExecution) {
    if new.options.scheduled_for.is_some() {
        return;
    }
    let (namespace, queue) = (new.namespace.clone(), new.options.queue.clone());
    if app.hub.expect_work(namespace, queue, new.kind.clone()) {
        // The claim goes first to the writer, which is asleep: both are there when it has woken.
        tokio::task::yield_now().await;
    }
}

/// Accepts many; each stands or falls alone.
pub(crate) async fn many(
    app: &App,
    namespace: &Namespace,
    creates: Vec<BatchItem<KeyedCreate>>,
) -> Result<Vec<Result<ExecutionRecord, ApiError>>, ApiError> {
    let now = app.clock.now();
    let checks: Vec<Result<NewExecution, ApiError>> = creates
        .into_iter()
        .map(|BatchItem(create)| {
            let create = create.map_err(|wrong| ApiError::new(ErrorCode::InvalidBody, wrong))?;
            checked(create, namespace.clone(), now)
        })
        .collect();
    let good = checks
        .iter()
        .filter_map(|check| check.as_ref().ok().cloned())
        .collect();
    let outcomes = app
        .store
        .create_executions(now, good)
        .await
        .map_err(unavailable)?;
    let mut outcomes = outcomes.into_iter();
    let answers = checks.into_iter().map(|check| {
        check?;
        accepted(
            outcomes
                .next()
                .ok_or_else(|| ApiError::fault("a create without an outcome"))?,
        )
    });
    Ok(answers.collect())
}

fn checked(
    create: KeyedCreate,
    namespace: Namespace,
    now: Timestamp,
) -> Result<NewExecution, ApiError> {
    let key = create
        .idempotency_key
        .map(|key| keyed(key, &create.task, now))
        .transpose()?;
    let new = create.task.resolve()?;
    match new.options.validate(now) {
        // A repeat is answered although its deadline has passed since; a create that is new then
        // ends by its deadline at once. One before its own start was never accepted.
        Err(InvalidOption::Deadline) if key.is_some() && may_have_been_ahead(&new.options) => {}
        other => other.map_err(FieldError::from)?,
    }
    Ok(NewExecution {
        namespace,
        kind: new.r#type,
        payload: Arc::from(new.payload.as_str()),
        reference: new.reference,
        key,
        parent: new.parent,
        options: new.options,
    })
}

fn may_have_been_ahead(options: &ExecutionOptions) -> bool {
    options.deadline > options.scheduled_for
}

fn keyed(
    key: IdempotencyKey,
    task: &CreateExecution,
    now: Timestamp,
) -> Result<KeyedRequest, ApiError> {
    let fingerprint = fingerprint(task).map_err(|error| ApiError::fault(error.to_string()))?;
    let expired = made_at(&key).is_some_and(|at| at < now.minus_ms(KEYS_KEPT_MS));
    Ok(KeyedRequest {
        key,
        fingerprint,
        expired,
    })
}

/// When a UUIDv7 was made (RFC 9562, section 5.7); other keys do not say.
fn made_at(key: &IdempotencyKey) -> Option<Timestamp> {
    let uuid = Uuid::try_parse(key.as_str())
        .ok()
        .filter(|uuid| uuid.get_version_num() == 7)?;
    let (seconds, nanos) = uuid.get_timestamp()?.to_unix();
    let millis = i64::try_from(seconds).ok()?.checked_mul(1_000)?;
    Some(Timestamp::from_millis(
        millis.saturating_add(i64::from(nanos / 1_000_000)),
    ))
}

fn accepted(outcome: CreateOutcome) -> Result<ExecutionRecord, ApiError> {
    match outcome {
        CreateOutcome::Created(record) | CreateOutcome::Replayed(record) => Ok(record),
        CreateOutcome::Mismatch => {
            let detail = "this key came before with another body";
            Err(ApiError::new(ErrorCode::IdempotencyMismatch, detail))
        }
        CreateOutcome::Expired => {
            let detail = "this key is older than keys are kept";
            Err(ApiError::new(ErrorCode::BindingKeyExpired, detail))
        }
        CreateOutcome::NoChild(refused) => Err(FieldError::new("parentId", refused).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_of_version_7_tells_its_age() {
        let at = |text: &str| made_at(&IdempotencyKey::new(text).unwrap());
        // The example of RFC 9562, appendix A.6: 22 February 2022, 14:22:22 EST.
        let expected = Timestamp::from_millis(1_645_557_742_000);
        assert_eq!(at("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), Some(expected));
        assert_eq!(at("919108f7-52d1-4320-9bac-f847db4148a8"), None);
        assert_eq!(at("order-17"), None);
    }
}
