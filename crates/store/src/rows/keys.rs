//! Idempotency keys and what they stand for.

use taskpilot_domain::names::IdempotencyKey;

/// A caller's key with the fingerprint of what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Unique within the namespace.
    pub key: IdempotencyKey,
    /// SHA-256 over the canonical JSON of the request: another body under the same key is refused.
    pub fingerprint: [u8; 32],
    /// The key is older than keys are kept, so that "not found" no longer means "never seen".
    pub expired: bool,
}
