//! Cancellations: cancels of many, as a resource of the control plane.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taskpilot_domain::cancellation::{CancellationOutcome, CancellationStatus, MaxPerSecond};
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{CancellationId, TaskId};
use taskpilot_domain::limits::{CANCELLATION_IDS_MAX, REASON_CHARS_MAX};
use taskpilot_domain::names::{QueueName, TaskType};
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::executions::ExecutionSummary;
use crate::field::{FieldError, at_most, at_most_items, parse};
use crate::open::vocabulary;
use crate::schema;
use crate::tasks::check_labels;

vocabulary! { CancellationStatusWord, CancellationStatus, "CancellationStatus", "How far a cancellation has come", {
    Matching => "MATCHING", Running => "RUNNING", Completed => "COMPLETED", Canceled => "CANCELED",
} }
vocabulary! { CancellationOutcomeWord, CancellationOutcome, "CancellationOutcome", "What became of one item of a cancellation", {
    Canceled => "canceled", Already => "already", Changed => "changed", NotBound => "not_bound",
    Refused => "refused", Missing => "missing",
} }

/// `POST /api/cancellations`: what is canceled is named by `ids` or by a `filter`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateCancellation {
    /// Up to 1,000 tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::Id>>, max_items = 1_000, min_items = 1)]
    pub ids: Option<Vec<TaskId>>,
    /// All tasks that all of this holds for.
    #[serde(
        default,
        deserialize_with = "crate::object::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub filter: Option<CancellationFilter>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reason>)]
    pub reason: Option<String>,
    /// How many are decided per second at most, also after an outage: nothing is made up for. Null:
    /// as fast as it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100_000)]
    pub max_per_second: Option<u32>,
    /// Only tell how many there are, and cancel nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// Which tasks a cancellation is about: at least one condition, and all of them hold.
///
/// Whatever has not ended is meant, unless a state is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CancellationFilter {
    /// Of this type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::TaskType>)]
    pub r#type: Option<String>,
    /// Whose execution is in this queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Name>)]
    pub queue: Option<String>,
    /// With all of these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Labels>)]
    pub labels: Option<BTreeMap<String, String>>,
    /// Whose execution is in this state, `PENDING` or `RUNNING`. It is looked at again when it is
    /// canceled: one that is in another state by then is left alone and `changed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Created before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>)]
    pub created_before: Option<String>,
}

/// A checked [`CreateCancellation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCancellation {
    /// What it is about.
    pub target: CancellationTarget,
    /// Why.
    pub reason: Option<String>,
    /// How many are decided per second at most.
    pub max_per_second: Option<MaxPerSecond>,
    /// Whether nothing is to be canceled.
    pub dry_run: bool,
}

/// What a cancellation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancellationTarget {
    /// These tasks.
    Ids(Vec<TaskId>),
    /// All that this holds for.
    Filter(Conditions),
}

/// A checked [`CancellationFilter`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Of this type.
    pub kind: Option<TaskType>,
    /// In this queue.
    pub queue: Option<QueueName>,
    /// With all of these labels.
    pub labels: BTreeMap<String, String>,
    /// In this state.
    pub state: Option<State>,
    /// Created before this instant.
    pub created_before: Option<Timestamp>,
}

impl CreateCancellation {
    /// The wish, within its limits.
    pub fn resolve(self) -> Result<NewCancellation, FieldError> {
        at_most("reason", self.reason.as_deref(), REASON_CHARS_MAX)?;
        let max_per_second = self.max_per_second.map(MaxPerSecond::new).transpose();
        let max_per_second =
            max_per_second.map_err(|invalid| FieldError::new("maxPerSecond", invalid))?;
        let target = match (self.ids, self.filter) {
            (Some(ids), None) => CancellationTarget::Ids(checked(ids)?),
            (None, Some(filter)) => {
                let conditions = filter.resolve().map_err(|error| error.within("filter"))?;
                CancellationTarget::Filter(conditions)
            }
            (Some(_), Some(_)) => {
                return Err(FieldError::new("filter", "not together with ids"));
            }
            (None, None) => return Err(FieldError::new("ids", "either ids or a filter")),
        };
        Ok(NewCancellation {
            target,
            reason: self.reason,
            max_per_second,
            dry_run: self.dry_run.unwrap_or(false),
        })
    }
}

/// Each once, in their order.
fn checked(mut ids: Vec<TaskId>) -> Result<Vec<TaskId>, FieldError> {
    at_most_items("ids", &ids, CANCELLATION_IDS_MAX)?;
    if ids.is_empty() {
        return Err(FieldError::new("ids", "at least one"));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

impl CancellationFilter {
    /// The conditions, at least one.
    pub fn resolve(self) -> Result<Conditions, FieldError> {
        let labels = self.labels.unwrap_or_default();
        check_labels(&labels)?;
        let state = self.state.map(|state| parse("state", &state)).transpose()?;
        if state.is_some_and(State::is_final) {
            return Err(FieldError::new("state", "PENDING or RUNNING"));
        }
        let conditions = Conditions {
            kind: self.r#type.map(|kind| parse("type", &kind)).transpose()?,
            queue: self.queue.map(|queue| parse("queue", &queue)).transpose()?,
            labels,
            state,
            created_before: self
                .created_before
                .map(|instant| parse("createdBefore", &instant))
                .transpose()?,
        };
        if conditions == Conditions::default() {
            // Everything there is should not be a slip of the pen.
            return Err(FieldError::new(
                "type",
                "a filter has at least one condition",
            ));
        }
        Ok(conditions)
    }
}

/// Writes the conditions out as they were asked for.
impl From<&Conditions> for CancellationFilter {
    fn from(conditions: &Conditions) -> Self {
        let labels = &conditions.labels;
        Self {
            r#type: conditions.kind.as_ref().map(ToString::to_string),
            queue: conditions.queue.as_ref().map(ToString::to_string),
            labels: (!labels.is_empty()).then(|| labels.clone()),
            state: conditions.state.map(|state| state.as_str().to_owned()),
            created_before: conditions.created_before.map(Into::into),
        }
    }
}

/// A cancel of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: CancellationId,
    /// How far it has come.
    pub status: CancellationStatusWord,
    /// When it was asked for: tasks that were created later are none of its.
    #[schema(value_type = schema::Instant)]
    pub requested_at: Timestamp,
    /// The principal.
    pub requested_by: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// What it is about; absent where tasks were named by their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<CancellationFilter>,
    /// How many items are decided per second at most; null: as fast as it goes.
    pub max_per_second: Option<u32>,
    /// How many items it has; while it is `MATCHING`, how many were found so far.
    pub total: u64,
    /// How many of them became what.
    pub counts: CancellationCounts,
    /// When nothing was left to do; null before.
    #[schema(value_type = Option<schema::Instant>)]
    pub completed_at: Option<Timestamp>,
}

/// How many items of a cancellation became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CancellationCounts {
    /// Canceled by it.
    pub canceled: u64,
    /// Canceled before.
    pub already: u64,
    /// In another state by then, and left alone.
    pub changed: u64,
    /// Without an execution.
    pub not_bound: u64,
    /// Ended otherwise.
    pub refused: u64,
    /// Not there.
    pub missing: u64,
}

impl CancellationCounts {
    /// How many are decided.
    pub fn decided(self) -> u64 {
        CancellationOutcome::ALL
            .map(|outcome| self.of(outcome))
            .iter()
            .sum()
    }

    /// How many became that.
    pub fn of(self, outcome: CancellationOutcome) -> u64 {
        match outcome {
            CancellationOutcome::Canceled => self.canceled,
            CancellationOutcome::Already => self.already,
            CancellationOutcome::Changed => self.changed,
            CancellationOutcome::NotBound => self.not_bound,
            CancellationOutcome::Refused => self.refused,
            CancellationOutcome::Missing => self.missing,
        }
    }
}

/// What a cancellation would be about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// How many tasks.
    pub matched: u64,
    /// Up to ten of them, the newest first.
    pub sample: Vec<SampledTask>,
}

/// A task that a cancellation would be about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SampledTask {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: TaskId,
    /// What kind of work it is.
    #[schema(value_type = schema::TaskType)]
    pub r#type: TaskType,
    /// One line for people.
    pub title: Option<String>,
    /// How its execution stands; null where it has none, or the scheduler tells nothing of it.
    pub execution: Option<ExecutionSummary>,
}

/// One item of a cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancellationItem {
    /// The task.
    #[schema(value_type = schema::Id)]
    pub task_id: TaskId,
    /// What became of it; null before that is decided.
    pub outcome: Option<CancellationOutcomeWord>,
}

/// The query of `GET /api/cancellations`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListCancellations {
    /// Items of the page, 1 to 1,000; 50 unless told otherwise.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// The query of `GET /api/cancellations/{id}/items`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListCancellationItems {
    /// Only those of which this became.
    #[param(value_type = Option<String>)]
    pub outcome: Option<CancellationOutcome>,
    /// Items of the page, 1 to 1,000; 50 unless told otherwise.
    pub limit: Option<u32>,
    /// The `next` of the page before, under the same filter.
    pub after: Option<String>,
}

/// `PUT /api/cancellations/{id}/cancel`: nothing to say, and nothing else is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveUpBody {}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(text: &str) -> Result<NewCancellation, FieldError> {
        serde_json::from_str::<CreateCancellation>(text)
            .unwrap()
            .resolve()
    }

    #[test]
    fn each_wrong_field_is_named() {
        let ids: Vec<String> = (1..=1_001).map(|id: i64| id.to_string()).collect();
        for (text, field) in [
            ("{}", "ids"),
            (r#"{"ids":[]}"#, "ids"),
            (&format!(r#"{{"ids":[{}]}}"#, ids.join(",")), "ids"),
            (r#"{"ids":[1],"filter":{"type":"a"}}"#, "filter"),
            (r#"{"ids":[1],"maxPerSecond":0}"#, "maxPerSecond"),
            (r#"{"ids":[1],"maxPerSecond":100001}"#, "maxPerSecond"),
            (r#"{"filter":{}}"#, "filter.type"),
            (r#"{"filter":{"labels":{}}}"#, "filter.type"),
            (r#"{"filter":{"type":"a b"}}"#, "filter.type"),
            (r#"{"filter":{"queue":"a b"}}"#, "filter.queue"),
            (r#"{"filter":{"labels":{"":"b"}}}"#, "filter.labels"),
            (r#"{"filter":{"state":"SUCCEEDED"}}"#, "filter.state"),
            (r#"{"filter":{"state":"running"}}"#, "filter.state"),
            (
                r#"{"filter":{"createdBefore":"now"}}"#,
                "filter.createdBefore",
            ),
        ] {
            let wrong = create(text).map_err(|error| error.field);
            assert_eq!(wrong, Err(field.to_owned()), "{text}");
        }
        assert!(serde_json::from_str::<CreateCancellation>(r#"{"id":[1]}"#).is_err());
        assert!(serde_json::from_str::<CreateCancellation>(r#"{"filter":[]}"#).is_err());
        let part = r#"{"ids":[1],"maxPerSecond":1.5}"#;
        assert!(serde_json::from_str::<CreateCancellation>(part).is_err());
    }

    #[test]
    fn ids_are_each_named_once() {
        let named = create(r#"{"ids":[3,1,3],"reason":"r","maxPerSecond":null}"#).unwrap();
        let ids = [1, 3].map(|id| TaskId::new(id).unwrap());
        let expected = NewCancellation {
            target: CancellationTarget::Ids(ids.into()),
            reason: Some("r".into()),
            max_per_second: None,
            dry_run: false,
        };
        assert_eq!(named, expected);
    }

    #[test]
    fn conditions_survive_their_text() {
        let text = r#"{"type":"report","queue":"q","labels":{"team":"a"},"state":"RUNNING",
            "createdBefore":"2026-01-31T12:00:00.000Z"}"#;
        let filter: CancellationFilter = serde_json::from_str(text).unwrap();
        let conditions = filter.clone().resolve().unwrap();
        assert_eq!(CancellationFilter::from(&conditions), filter);
    }
}
