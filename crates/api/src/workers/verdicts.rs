//! What became of the items that a worker sent.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use utoipa::ToSchema;

use crate::open::{StateWord, vocabulary};
use crate::schema;

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
