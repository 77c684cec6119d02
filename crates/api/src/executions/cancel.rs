//! The command of the stop button.

use serde::{Deserialize, Serialize};
use taskpilot_domain::limits::REASON_CHARS_MAX;
use utoipa::ToSchema;

use crate::field::{FieldError, at_most};
use crate::schema;

/// `PUT /api/tasks/{id}/execution/cancel`; the body may be absent. Who cancels is the principal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CancelBody {
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reason>)]
    pub reason: Option<String>,
    /// Whether the executions of all tasks below it are canceled too; no unless told otherwise. What is
    /// bound below it later is then canceled from the start.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cascade: bool,
}

impl CancelBody {
    /// The command, within its limits.
    pub fn resolve(self) -> Result<Self, FieldError> {
        at_most("reason", self.reason.as_deref(), REASON_CHARS_MAX)?;
        Ok(self)
    }
}
