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

/// So many fresh tokens, in one call of the system: one call for each was 1.9 % of all samples of
/// lifecycles in batches, load generator included (profiled 2026-11).
#[expect(clippy::disallowed_methods, reason = "the place that makes tokens")]
pub(crate) fn tokens(count: u32) -> Result<Vec<Token>, ApiError> {
    let mut bytes = vec![[0; 16]; count as usize];
    getrandom::fill(bytes.as_flattened_mut())
        .map_err(|error| ApiError::fault(error.to_string()))?;
    Ok(bytes.into_iter().map(Token::from_bytes).collect())
}

/// A draw for one back-off, or for the first of a batch.
#[expect(
    clippy::disallowed_methods,
    reason = "the draw of a back-off is handed to domain, which is repeatable"
)]
pub(crate) fn jitter() -> Jitter {
    Jitter(fastrand::u64(..))
}
