UPDATE spec SET
    scheduled_for = coalesce(?2, scheduled_for), backoff_initial_ms = ?3, backoff_max_ms = ?4, backoff_factor = ?5,
    attempt_timeout_ms = ?6, cancel_grace_ms = ?7, reference = ?8, payload = ?9
WHERE execution = ?1 AND payload IS NULL;
