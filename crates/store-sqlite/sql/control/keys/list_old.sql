SELECT namespace, key FROM idempotency WHERE created_at < ?1 ORDER BY created_at LIMIT ?2;
