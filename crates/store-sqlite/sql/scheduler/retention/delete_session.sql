DELETE FROM worker_session WHERE id = ?1 AND ended_at IS NOT NULL;
