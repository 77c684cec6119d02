-- What only a read of one execution shows.
SELECT
    s.execution, s.reference, s.key, s.attempt_timeout_ms, s.cancel_grace_ms, e.deadline,
    f.parent, f.root, f.cancels_children,
    v.canceled_at, v.canceled_by, v.reason, v.cause,
    coalesce((SELECT max(c.number) FROM cancel_request AS c WHERE c.execution = ?1), 0)
    AS later_count,
    v.error_code, v.error_message, s.payload
FROM spec AS s
CROSS JOIN execution AS e ON e.id = s.execution
LEFT JOIN verdict AS v ON v.execution = s.execution
LEFT JOIN family AS f ON f.execution = s.execution
WHERE s.execution = ?1;
