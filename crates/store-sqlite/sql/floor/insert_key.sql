INSERT INTO idempotency (namespace, key, fingerprint, execution, created_at)
VALUES (1, ?1, ?2, ?3, ?4);
