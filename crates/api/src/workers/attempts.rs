//! How a worker names an attempt.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Fence, Token};
use utoipa::ToSchema;

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
