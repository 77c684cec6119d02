//! Starts: whether attempts may begin, for handlers that run nothing before they were told so.

use serde::{Deserialize, Serialize};
use taskpilot_domain::limits::WORKER_ITEMS_MAX;
use utoipa::ToSchema;

use super::FencedAttempt;
use crate::field::{FieldError, at_most_items};

/// `POST /v1/workers/{id}/starts`, answered with verdicts: after `applied` and `duplicate` the attempt
/// may begin, after `late` and `stale` it never may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Starts {
    /// At most 1,000 attempts.
    pub items: Vec<FencedAttempt>,
}

impl Starts {
    /// The attempts, at most as many as a call may name.
    pub fn resolve(self) -> Result<Vec<FencedAttempt>, FieldError> {
        at_most_items("items", &self.items, WORKER_ITEMS_MAX)?;
        Ok(self.items)
    }
}
