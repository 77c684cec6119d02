SELECT lease_until FROM worker_session WHERE ended_at IS NULL ORDER BY lease_until LIMIT 1;
