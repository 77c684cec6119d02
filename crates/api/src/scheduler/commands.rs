//! The scheduler's requests: create, cancel, list.

use serde::{Deserialize, Serialize};
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use taskpilot_domain::limits::{
    BATCH_ITEMS_MAX, IDEMPOTENCY_KEY_CHARS_MAX, IDS_PER_REQUEST_MAX, REASON_CHARS_MAX,
};
use taskpilot_domain::names::{IdempotencyKey, TaskType};
use taskpilot_domain::options::ExecutionOptions;
use utoipa::ToSchema;

use super::execution::Execution;
use crate::batch::BatchItem;
use crate::executions::checked;
use crate::field::{FieldError, at_most, at_most_items, parse};
use crate::json::JsonText;
use crate::options::{BackoffBody, ExecutionOptionsBody};
use crate::problem::Problem;
use crate::schema;

/// `POST /tasks`. A plain scheduler is sent `type` and `payload` only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateExecution {
    /// What kind of work it is.
    #[schema(value_type = schema::TaskType)]
    pub r#type: String,
    /// What the handler gets: any JSON value, null unless told otherwise.
    #[serde(default)]
    pub payload: JsonText,
    /// The creator's opaque reference; at most 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The execution that it belongs to; null for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub parent_id: Option<ExecutionId>,
    /// The queue it waits in; `default` unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Name>)]
    pub queue: Option<String>,
    /// From −10 to 10, higher first; 0 unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Priority>)]
    pub priority: Option<i64>,
    /// Not before this instant, at most ten years ahead; at acceptance unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>)]
    pub scheduled_for: Option<String>,
    /// Counted attempts, 1 to 100; 3 unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<i64>,
    /// The wait between attempts.
    #[serde(
        default,
        deserialize_with = "crate::object::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub backoff: Option<BackoffBody>,
    /// Longest run of one attempt in milliseconds, up to 30 days; no limit unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_timeout_ms: Option<i64>,
    /// The execution fails at this instant if it has not ended; later than `scheduledFor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>)]
    pub deadline: Option<String>,
    /// From the polite signal of a stop to the kill, in milliseconds; 10,000 unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_grace_ms: Option<i64>,
    /// Whether its cancel also cancels what is below it, as a cancel with `cascade` does; no unless
    /// told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_children: Option<bool>,
}

/// A checked [`CreateExecution`].
#[derive(Debug, Clone, PartialEq)]
pub struct NewExecution {
    /// What kind of work it is.
    pub r#type: TaskType,
    /// What the handler gets.
    pub payload: JsonText,
    /// The creator's opaque reference.
    pub reference: Option<String>,
    /// The execution that it belongs to.
    pub parent: Option<ExecutionId>,
    /// How it is to be run; the instants are not yet judged against the clock.
    pub options: ExecutionOptions,
}

impl CreateExecution {
    /// The request for an execution of our own scheduler, options written out whole.
    pub fn of(execution: NewExecution) -> Self {
        let options = ExecutionOptionsBody::from(&execution.options);
        Self {
            r#type: execution.r#type.into(),
            payload: execution.payload,
            reference: execution.reference,
            parent_id: execution.parent,
            queue: options.queue,
            priority: options.priority,
            scheduled_for: options.scheduled_for,
            max_attempts: options.max_attempts,
            backoff: options.backoff,
            attempt_timeout_ms: options.attempt_timeout_ms,
            deadline: options.deadline,
            cancel_grace_ms: options.cancel_grace_ms,
            cancel_children: options.cancel_children,
        }
    }

    /// Checks every field that needs no clock.
    pub fn resolve(self) -> Result<NewExecution, FieldError> {
        at_most(
            "reference",
            self.reference.as_deref(),
            IDEMPOTENCY_KEY_CHARS_MAX,
        )?;
        let options = ExecutionOptionsBody {
            queue: self.queue,
            priority: self.priority,
            scheduled_for: self.scheduled_for,
            max_attempts: self.max_attempts,
            backoff: self.backoff,
            attempt_timeout_ms: self.attempt_timeout_ms,
            deadline: self.deadline,
            cancel_grace_ms: self.cancel_grace_ms,
            cancel_children: self.cancel_children,
        };
        Ok(NewExecution {
            r#type: parse("type", &self.r#type)?,
            payload: self.payload,
            reference: self.reference,
            parent: self.parent_id,
            options: options.resolve()?,
        })
    }
}

/// `POST /tasks/batch`: creates that stand or fall one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateBatch {
    /// At most 1,000 creates.
    #[schema(value_type = Vec<KeyedCreate>, max_items = 1_000)]
    pub items: Vec<BatchItem<KeyedCreate>>,
}

impl CreateBatch {
    /// The items, not too many.
    pub fn resolve(self) -> Result<Vec<BatchItem<KeyedCreate>>, FieldError> {
        at_most_items("items", &self.items, BATCH_ITEMS_MAX)?;
        Ok(self.items)
    }
}

/// One create of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyedCreate {
    /// As the header `Idempotency-Key` of a single create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub idempotency_key: Option<IdempotencyKey>,
    /// The body of a single create.
    pub task: CreateExecution,
}

/// The answer to one create of a batch, in the order of the items: one of the two is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchAnswer {
    /// The execution, created now or before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution: Option<Execution>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// `PUT /tasks/{id}/cancel` and `PUT /tasks/by-key/{key}/cancel`; the body may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CancelExecution {
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reason>)]
    pub reason: Option<String>,
    /// The reference that the execution must have; another one answers 404, as after a restore
    /// the id may name the execution of somebody else. Only in a cancel by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether everything below it is canceled too; no unless told otherwise. What is created below it
    /// later is then canceled from the start.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cascade: bool,
}

impl CancelExecution {
    /// The command, within its limits.
    pub fn resolve(self) -> Result<Self, FieldError> {
        at_most("reason", self.reason.as_deref(), REASON_CHARS_MAX)?;
        at_most(
            "reference",
            self.reference.as_deref(),
            IDEMPOTENCY_KEY_CHARS_MAX,
        )?;
        Ok(self)
    }
}

/// `PUT /tasks/{id}/release-stuck`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseStuck {
    /// Why the work that may still run does no harm; it is kept.
    #[schema(value_type = schema::Reason)]
    pub reason: String,
    /// The attempt that is meant; the last one that was stopped unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::AttemptNumber>)]
    pub attempt: Option<AttemptNumber>,
    /// The reference that the execution must have; another one answers 404.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl ReleaseStuck {
    /// The command, within its limits.
    pub fn resolve(self) -> Result<Self, FieldError> {
        checked(&self.reason)?;
        at_most(
            "reference",
            self.reference.as_deref(),
            IDEMPOTENCY_KEY_CHARS_MAX,
        )?;
        Ok(self)
    }
}

/// The query of `GET /tasks`: by ids, or by filters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListExecutions {
    /// Up to 1,000 ids with commas between them; not together with a filter. Unknown ids are left
    /// out of the answer.
    pub ids: Option<String>,
    /// Only executions in this state.
    #[param(value_type = Option<String>)]
    pub state: Option<State>,
    /// Items of the page, 1 to 1,000; 50 unless told otherwise.
    pub limit: Option<u32>,
    /// The `next` of the page before, under the same filters.
    pub after: Option<String>,
}

impl ListExecutions {
    /// The ids that are asked for; `None` where it is a list by filters.
    pub fn ids(&self) -> Result<Option<Vec<ExecutionId>>, FieldError> {
        let Some(text) = &self.ids else {
            return Ok(None);
        };
        let filtered = self.state.is_some() || self.after.is_some();
        if filtered || self.limit.is_some() {
            return Err(FieldError::new("ids", "not together with a filter or page"));
        }
        let ids: Result<Vec<_>, _> = text.split(',').map(|id| parse("ids", id)).collect();
        let ids = ids?;
        at_most_items("ids", &ids, IDS_PER_REQUEST_MAX)?;
        Ok(Some(ids))
    }

    /// What the cursor is bound to.
    pub fn scope(&self) -> String {
        let state = self.state.map_or("", State::as_str);
        format!("executions state={state}")
    }
}
