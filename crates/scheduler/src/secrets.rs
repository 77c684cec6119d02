//! Random bits from the system: tokens, and the draws of back-offs.

use taskpilot_domain::ids::Token;
use taskpilot_domain::retry::Jitter;
use taskpilot_server::error::ApiError;

/// A fresh token of 128 bits.
#[expect(clippy::disallowed_methods, reason = "the place that makes tokens")]
pub(crate) fn token() -> Result<Token, ApiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::fault(error.to_string()))?;
    Ok(Token::from_bytes(bytes))
}

/// A draw for one back-off, or for the first of a batch.
#[expect(
    clippy::disallowed_methods,
    reason = "the draw of a back-off is handed to domain, which is repeatable"
)]
pub(crate) fn jitter() -> Jitter {
    Jitter(fastrand::u64(..))
}
