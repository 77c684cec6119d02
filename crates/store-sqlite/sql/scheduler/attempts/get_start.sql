-- The execution and the attempt that a worker asks about.
SELECT e.id, e.namespace, e.state, a.session, a.token, a.outcome, a.confirmed_at
FROM attempt AS a
CROSS JOIN execution AS e ON e.id = a.execution
WHERE a.execution = ?1 AND a.attempt = ?2;
