-- With the payload of the one that was canceled.
INSERT INTO spec (
    execution, accepted_at, scheduled_for, backoff_initial_ms, backoff_max_ms, backoff_factor,
    attempt_timeout_ms, cancel_grace_ms, reference, key, payload
)
SELECT ?1, ?3, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL, payload FROM spec WHERE execution = ?2;
