//! Stop reports: how far the stop of an attempt has come on its worker.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Fence, Token};
use taskpilot_domain::limits::WORKER_ITEMS_MAX;
use taskpilot_domain::stop::{Containment, How, StopEvent};
use utoipa::ToSchema;

use super::evidence::EvidenceBody;
use crate::executions::Evidence;
use crate::field::{FieldError, at_most_items};
use crate::schema;

/// `POST /v1/workers/{id}/stops`, answered with verdicts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopReports {
    /// At most 1,000 reports.
    pub items: Vec<StopReport>,
}

impl StopReports {
    /// Checks every item.
    pub fn resolve(self) -> Result<Vec<StopFact>, FieldError> {
        facts("items", self.items)
    }
}

/// How far the stop of one attempt has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopReport {
    /// The execution.
    #[schema(value_type = schema::Id)]
    pub execution_id: ExecutionId,
    /// The attempt.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
    /// The token of its lease.
    #[schema(value_type = schema::Token)]
    pub token: Token,
    /// How far.
    pub stage: Stage,
    /// With `stopped`: how the work ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::StoppedHow>)]
    pub how: Option<How>,
    /// How long ago, in milliseconds.
    #[serde(default)]
    pub ago_ms: u64,
    /// What enclosed the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::WorkerContainment>)]
    pub containment: Option<Containment>,
    /// What the worker saw of the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceBody>,
}

/// How far a stop has come on a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The worker has the order.
    Delivered,
    /// The handler has been signaled.
    Acknowledged,
    /// Proven: nothing is left.
    Stopped,
    /// In-process code ignored its token beyond the grace.
    Abandoned,
    /// SIGKILL did not end the tree.
    Stuck,
}

/// A checked [`StopReport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopFact {
    /// Whose attempt.
    pub fence: Fence,
    /// What became known.
    pub event: StopEvent,
    /// How long ago, in milliseconds.
    pub ago_ms: u64,
    /// What enclosed the processes.
    pub containment: Option<Containment>,
    /// What the worker saw of the end.
    pub evidence: Option<Evidence>,
}

impl StopReport {
    /// Checks that `how` comes with `stopped`, and only then.
    pub fn resolve(self) -> Result<StopFact, FieldError> {
        let event = match (self.stage, self.how) {
            (Stage::Stopped, Some(how)) => StopEvent::Ended(how),
            (Stage::Delivered, None) => StopEvent::Delivered,
            (Stage::Acknowledged, None) => StopEvent::Acknowledged,
            (Stage::Abandoned, None) => StopEvent::GaveUp,
            (Stage::Stuck, None) => StopEvent::Unkillable,
            _ => return Err(FieldError::new("how", "with stopped, and only then")),
        };
        Ok(StopFact {
            fence: Fence {
                execution: self.execution_id,
                attempt: self.attempt,
                token: self.token,
            },
            event,
            ago_ms: self.ago_ms,
            containment: self.containment,
            evidence: self.evidence.map(EvidenceBody::cut),
        })
    }
}

pub(super) fn facts(field: &str, items: Vec<StopReport>) -> Result<Vec<StopFact>, FieldError> {
    at_most_items(field, &items, WORKER_ITEMS_MAX)?;
    let numbered = items.into_iter().enumerate();
    numbered
        .map(|(index, item)| {
            item.resolve()
                .map_err(|error| error.within(&format!("{field}[{index}]")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(fields: &str) -> Result<StopEvent, String> {
        let fence = r#""executionId":1,"attempt":2,"token":"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5""#;
        let report: StopReport = serde_json::from_str(&format!("{{{fence},{fields}}}")).unwrap();
        let fact = report.resolve().map_err(|error| error.field)?;
        Ok(fact.event)
    }

    #[test]
    fn a_proof_says_how() {
        assert_eq!(
            resolve(r#""stage":"stopped","how":"killed""#),
            Ok(StopEvent::Ended(How::Killed))
        );
        assert_eq!(resolve(r#""stage":"stuck""#), Ok(StopEvent::Unkillable));
        assert_eq!(resolve(r#""stage":"stopped""#), Err("how".into()));
        assert_eq!(
            resolve(r#""stage":"delivered","how":"killed""#),
            Err("how".into())
        );
    }
}
