//! The command of an operator who takes on what a worker could not end.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::limits::REASON_CHARS_MAX;
use utoipa::ToSchema;

use crate::field::{FieldError, at_most};
use crate::schema;

/// `PUT /api/tasks/{id}/execution/release-stuck`. Who releases is the principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseBody {
    /// Why the work that may still run does no harm; it is kept.
    #[schema(value_type = schema::Reason)]
    pub reason: String,
    /// The attempt that is meant; the last one that was stopped unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::AttemptNumber>)]
    pub attempt: Option<AttemptNumber>,
}

impl ReleaseBody {
    /// The command, within its limits.
    pub fn resolve(self) -> Result<Self, FieldError> {
        checked(&self.reason)?;
        Ok(self)
    }
}

/// A reason that says something.
pub(crate) fn checked(reason: &str) -> Result<(), FieldError> {
    if reason.trim().is_empty() {
        return Err(FieldError::new("reason", "it says why"));
    }
    at_most("reason", Some(reason), REASON_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_says_why() {
        let of = |reason: &str| {
            let body = ReleaseBody {
                reason: reason.to_owned(),
                attempt: None,
            };
            body.resolve().map(drop).map_err(|error| error.field)
        };
        assert_eq!(of("the host is off"), Ok(()));
        for reason in ["", " \n", &"x".repeat(REASON_CHARS_MAX + 1)] {
            assert_eq!(of(reason), Err("reason".into()), "{reason:?}");
        }
        assert!(serde_json::from_str::<ReleaseBody>("{}").is_err());
    }
}
