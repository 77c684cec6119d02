-- From a place in the order of acceptance on, whatever became of them.
SELECT
    e.id, e.namespace, e.state, e.state_at, s.accepted_at, s.key, k.created_at AS key_seen_at,
    EXISTS (SELECT 1 FROM stop AS o WHERE o.execution = e.id AND o.status < 7) AS has_open_stop,
    coalesce(f.children, 0) > 0 AS has_children,
    e.state = 8 AND EXISTS (
        SELECT 1 FROM cleanup AS c
        CROSS JOIN execution AS d ON d.id = c.execution
        WHERE c.canceled = e.id AND d.state < 6
    ) AS owes_cleanup
FROM execution AS e
CROSS JOIN spec AS s ON s.execution = e.id
LEFT JOIN idempotency AS k ON k.namespace = e.namespace AND k.key = s.key
LEFT JOIN family AS f ON f.execution = e.id
WHERE e.id > ?1
ORDER BY e.id LIMIT ?2;
