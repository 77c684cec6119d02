INSERT INTO cleanup_type (namespace, type, timeout_ms, max_attempts) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET timeout_ms = excluded.timeout_ms, max_attempts = excluded.max_attempts;
