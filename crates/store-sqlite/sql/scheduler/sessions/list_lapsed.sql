SELECT id FROM worker_session
WHERE ended_at IS NULL AND lease_until <= ?1
ORDER BY lease_until LIMIT ?2;
