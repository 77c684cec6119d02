-- What a cleanup is told of the execution that it is for.
SELECT
    e.id, e.attempt, v.cause, v.canceled_at, v.canceled_by, v.reason,
    p.status, p.how, l.attempt AS said_attempt, l.said_at, l.percent, l.message
FROM cleanup AS c
CROSS JOIN execution AS e ON e.id = c.canceled
CROSS JOIN verdict AS v ON v.execution = c.canceled
LEFT JOIN stop AS p ON p.execution = e.id AND p.attempt = e.attempt
LEFT JOIN last_progress AS l ON l.execution = e.id
WHERE c.execution = ?1;
