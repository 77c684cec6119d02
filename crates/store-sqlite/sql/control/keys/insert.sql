INSERT INTO idempotency (namespace, key, fingerprint, task, created_at)
VALUES (?1, ?2, ?3, ?4, ?5);
