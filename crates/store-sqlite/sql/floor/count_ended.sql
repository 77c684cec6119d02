SELECT count(*) FROM execution AS e
CROSS JOIN attempt AS a ON a.execution = e.id
CROSS JOIN idempotency AS k ON k.namespace = 1 AND k.execution = e.id
WHERE a.outcome = 6 AND length(a.token) = 16;
