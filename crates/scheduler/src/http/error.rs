//! The store's failures as answers.

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::problem::Outcome;
use taskpilot_server::error::ApiError;
use taskpilot_store::StoreError;

/// A store that cannot serve: 503 where a repeat may help, and whether this call may have been
/// applied.
pub(crate) fn unavailable(error: StoreError) -> ApiError {
    let outcome = if error.may_be_applied() {
        Outcome::Unknown
    } else {
        Outcome::NotApplied
    };
    let answer = match &error {
        StoreError::Overloaded => ApiError::new(ErrorCode::Overloaded, "too much waits already"),
        StoreError::Unavailable { .. } | StoreError::Unknown { .. } => ApiError::new(
            ErrorCode::StorageUnavailable,
            "the store does not serve writes",
        ),
        StoreError::Corrupt { .. } => return ApiError::fault(error),
    };
    answer.outcome(outcome).caused_by(error)
}
