-- What the bound of a new stop follows from.
SELECT a.execution, a.session, w.lease_until, w.containment, s.cancel_grace_ms
FROM attempt AS a
CROSS JOIN worker_session AS w ON w.id = a.session
CROSS JOIN spec AS s ON s.execution = a.execution
WHERE a.execution = ?1 AND a.attempt = ?2;
