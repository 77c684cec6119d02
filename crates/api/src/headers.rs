//! Names of the headers that the surfaces use beyond those of plain HTTP, in lower case.

/// Makes a create repeatable: 1–255 visible ASCII characters, bare or as a quoted string.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `wait=N`: wait up to N seconds (at most 60) for the answer that matters (RFC 7240).
pub const PREFER: &str = "prefer";
/// Says which preference was honoured (RFC 7240).
pub const PREFERENCE_APPLIED: &str = "preference-applied";
/// Names a request in answers and logs: at most 64 visible ASCII characters; made up where absent.
pub const REQUEST_ID: &str = "x-request-id";
/// On whose behalf the control plane calls; only from a principal allowed to act for others.
pub const PRINCIPAL: &str = "taskpilot-principal";
/// In whose namespace the control plane calls; only from a principal allowed to act for others.
pub const NAMESPACE: &str = "taskpilot-namespace";
/// On every answer of our scheduler: what it offers beyond the plain contract.
pub const EXTENSIONS: &str = "taskpilot-extensions";
/// The token of a worker session, on every call under `/v1/workers/{id}`.
pub const SESSION_TOKEN: &str = "taskpilot-session-token";
/// Whole seconds after which a refused call may be repeated.
pub const RETRY_AFTER: &str = "retry-after";
/// The media type of errors (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";
/// The media type of a merge patch (RFC 7396).
pub const MERGE_PATCH_JSON: &str = "application/merge-patch+json";
