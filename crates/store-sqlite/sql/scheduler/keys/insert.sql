-- The index says in one step whether the key is free.
INSERT INTO idempotency (namespace, key, fingerprint, execution, created_at)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (namespace, key) DO NOTHING;
