-- Under a live session only: where the lease is over, its expiry says what is left to say.
SELECT p.execution, p.attempt
FROM stop AS p
CROSS JOIN worker_session AS w ON w.id = p.session
WHERE p.stops_by IS NOT NULL AND p.status < 5 AND p.stops_by <= ?1
    AND w.ended_at IS NULL AND w.lease_until > ?1
ORDER BY p.stops_by LIMIT ?2;
