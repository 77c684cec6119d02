//! The scheduler's cancel of many, as the control plane asks for it.

use serde::{Deserialize, Serialize};
use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::limits::{BATCH_ITEMS_MAX, IDEMPOTENCY_KEY_CHARS_MAX, REASON_CHARS_MAX};
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::cancellations::CancellationOutcomeWord;
use crate::field::{FieldError, at_most, at_most_items, parse};
use crate::open::Open;
use crate::schema;

/// `POST /tasks/cancel-batch`: cancels that stand or fall one by one. Who cancels is the principal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelBatch {
    /// At most 1,000 executions; with none the answer tells the time.
    #[schema(max_items = 1_000)]
    pub items: Vec<CancelBatchItem>,
    /// The states in which an execution is meant: one in another is left alone and `changed`.
    /// Whatever is not final is meant unless told otherwise; with an empty list nothing is
    /// canceled, and each is only told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub states: Option<Vec<State>>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reason>)]
    pub reason: Option<String>,
    /// The `decidedAt` of the answer before: what this principal canceled since then for this
    /// reason counts as canceled by this call, whose first answer may have been lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>)]
    pub since: Option<String>,
    /// Until when this may be decided, by the scheduler's own time. Of what comes later nothing is
    /// canceled, and each is only told: a call that was overtaken by its repeat does no more harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>)]
    pub not_after: Option<String>,
}

/// One execution of a cancel of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelBatchItem {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: ExecutionId,
    /// The reference that it must have; one with another is `missing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A checked [`CancelBatch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCancelBatch {
    /// The executions.
    pub items: Vec<CancelBatchItem>,
    /// The states in which they are meant.
    pub states: Option<Vec<State>>,
    /// Why.
    pub reason: Option<String>,
    /// From when on verdicts may be this call's own.
    pub since: Option<Timestamp>,
    /// Until when it may be decided.
    pub not_after: Option<Timestamp>,
}

impl CancelBatch {
    /// The wish, within its limits.
    pub fn resolve(self) -> Result<CheckedCancelBatch, FieldError> {
        at_most_items("items", &self.items, BATCH_ITEMS_MAX)?;
        at_most("reason", self.reason.as_deref(), REASON_CHARS_MAX)?;
        for item in &self.items {
            let reference = item.reference.as_deref();
            at_most("items.reference", reference, IDEMPOTENCY_KEY_CHARS_MAX)?;
        }
        let states = self.states.as_deref().unwrap_or_default();
        at_most_items("states", states, State::ALL.len())?;
        let instant = |name, text: Option<String>| text.map(|text| parse(name, &text)).transpose();
        let since = instant("since", self.since)?;
        let not_after = instant("notAfter", self.not_after)?;
        Ok(CheckedCancelBatch {
            items: self.items,
            states: self.states,
            reason: self.reason,
            since,
            not_after,
        })
    }
}

/// The answer to a cancel of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanceledBatch {
    /// The time of the last verdict: no later cancel has an earlier one.
    #[schema(value_type = schema::Instant)]
    pub decided_at: Timestamp,
    /// What became of each, in the order of the items.
    pub items: Vec<CanceledItem>,
}

/// What became of one execution of a cancel of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanceledItem {
    /// The execution.
    #[schema(value_type = schema::Id)]
    pub id: ExecutionId,
    /// `canceled`, `already`, `changed`, `refused` or `missing`.
    pub outcome: CancellationOutcomeWord,
}

impl CanceledItem {
    /// One that was decided so.
    pub fn new(id: ExecutionId, outcome: CancellationOutcome) -> Self {
        Self {
            id,
            outcome: Open::Known(outcome),
        }
    }
}
