SELECT id FROM worker_session
WHERE ended_at IS NOT NULL AND ended_at < ?1
ORDER BY ended_at LIMIT ?2;
