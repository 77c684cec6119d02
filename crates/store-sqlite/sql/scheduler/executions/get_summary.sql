SELECT
    e.id, t.name AS type, q.name AS queue, e.priority,
    e.state, e.attempt, e.attempt_count, e.uncounted, e.max_attempts, e.run_at, e.started_at,
    e.state = 4 OR (e.state > 5 AND EXISTS (
        SELECT 1 FROM stop AS o
        WHERE o.execution = e.id AND o.attempt = e.attempt AND o.status < 7
            AND o.released_at IS NULL
    )) AS stop_unproven,
    s.scheduled_for, s.backoff_initial_ms, s.backoff_max_ms, s.backoff_factor,
    s.accepted_at, e.state_at, q.max_running, q.paused_at IS NOT NULL AS paused,
    q.running + q.stopping AS held, a.session, w.name AS worker,
    o.canceled AS cleanup_of, c.execution AS cleanup, d.state AS cleanup_state
FROM execution AS e
CROSS JOIN spec AS s ON s.execution = e.id
CROSS JOIN queue AS q ON q.id = e.queue
LEFT JOIN handler_type AS t ON t.id = abs(e.type)
-- Who holds it, while it runs.
LEFT JOIN attempt AS a ON e.state = 5 AND a.execution = e.id AND a.attempt = e.attempt
LEFT JOIN worker_session AS w ON w.id = a.session
LEFT JOIN cleanup AS o ON e.type < 0 AND o.execution = e.id
LEFT JOIN cleanup AS c ON e.state = 8 AND c.canceled = e.id
LEFT JOIN execution AS d ON d.id = c.execution
WHERE e.id = ?1 AND e.namespace = ?2;
