//! The worker protocol: registration, claims, hand-ins, stop reports, heartbeats, orders.
//!
//! Every call but the registration carries the session token in the header `TaskPilot-Session-Token`.

mod claims;
mod evidence;
mod hand_in;
mod heartbeat;
mod sessions;
mod stops;

pub use claims::{Claim, ClaimAnswer, ClaimRequest, Grant};
pub use evidence::{EvidenceBody, FailureBody, OutputBody};
pub use hand_in::{Ending, HandIn, HandInOutcome, Report, Results, Verdicts};
pub use heartbeat::{AttemptProgress, Beat, Heartbeat, HeartbeatAnswer, Order};
pub use sessions::{
    Goodbye, Register, Registered, Registration, SessionState, SessionStateWord, WorkerItem,
};
pub use stops::{Stage, StopFact, StopReport, StopReports};

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Fence, Token};
use utoipa::ToSchema;

use crate::open::{StateWord, vocabulary};
use crate::schema;

/// Names one attempt and proves who was granted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FencedAttempt {
    /// The execution.
    #[schema(value_type = schema::Id)]
    pub execution_id: ExecutionId,
    /// The attempt.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
    /// The token of its lease.
    #[schema(value_type = schema::Token)]
    pub token: Token,
}

impl From<FencedAttempt> for Fence {
    fn from(fenced: FencedAttempt) -> Self {
        Self {
            execution: fenced.execution_id,
            attempt: fenced.attempt,
            token: fenced.token,
        }
    }
}

/// Names one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttemptRef {
    /// The execution.
    #[schema(value_type = schema::Id)]
    pub execution_id: ExecutionId,
    /// The attempt.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
}

/// What became of one item that a worker sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemVerdict {
    /// It changed the execution, or the stop.
    Applied,
    /// This token already ended with this outcome: success for the sender.
    Duplicate,
    /// The execution was decided otherwise; kept as evidence.
    Late,
    /// Another attempt is current, or the token is unknown.
    Stale,
}

vocabulary! { ItemVerdictWord, ItemVerdict, "ItemVerdict", "What became of an item", {
    Applied => "applied", Duplicate => "duplicate", Late => "late", Stale => "stale",
} }

/// The verdict on one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The execution.
    #[schema(value_type = schema::Id)]
    pub execution_id: ExecutionId,
    /// The attempt.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
    /// What became of the item. Every verdict is final: the item need not be sent again.
    pub verdict: ItemVerdictWord,
    /// Where the verdict is `late`: the state that was decided before.
    pub status: Option<StateWord>,
}
