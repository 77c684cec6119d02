INSERT INTO execution (
    id, namespace, queue, type, priority, max_attempts, accepted_at, scheduled_for,
    backoff_initial_ms, backoff_max_ms, backoff_factor, cancel_grace_ms, payload
)
VALUES (?1, 1, 1, 1, 0, 3, ?2, ?2, 1000, 60000, 2.0, 10000, ?3);
