UPDATE idempotency SET fingerprint = ?3
WHERE namespace = ?1 AND key = ?2 AND fingerprint IS NULL;
