INSERT INTO spec (
    execution, accepted_at, scheduled_for, backoff_initial_ms, backoff_max_ms, backoff_factor,
    attempt_timeout_ms, cancel_grace_ms, reference, key, payload
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);
