SELECT id FROM cancellation WHERE completed_at < ?1 ORDER BY completed_at LIMIT ?2;
