-- What a session must still prove; each is an order, or one that was confirmed.
SELECT
    p.execution, p.attempt, a.token, p.status, p.cause, p.grace_ms, p.requested_at, v.canceled_by,
    v.reason
FROM stop AS p
CROSS JOIN attempt AS a ON a.execution = p.execution AND a.attempt = p.attempt
LEFT JOIN verdict AS v ON v.execution = p.execution
WHERE p.session = ?1 AND p.status < 7
ORDER BY p.requested_at, p.execution LIMIT ?2;
