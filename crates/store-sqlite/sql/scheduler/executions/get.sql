-- What a decision needs.
SELECT
    e.id, e.namespace, e.queue, e.type,
    e.state, e.attempt, e.attempt_count, e.uncounted, e.max_attempts, e.run_at, e.started_at,
    e.state = 4 OR (e.state > 5 AND EXISTS (
        SELECT 1 FROM stop AS o
        WHERE o.execution = e.id AND o.attempt = e.attempt AND o.status < 7
            AND o.released_at IS NULL
    )) AS stop_unproven,
    s.scheduled_for, s.backoff_initial_ms, s.backoff_max_ms, s.backoff_factor
FROM execution AS e
CROSS JOIN spec AS s ON s.execution = e.id
WHERE e.id = ?1;
