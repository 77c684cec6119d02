SELECT id, fingerprint FROM cancellation
WHERE namespace = ?1 AND key = ?2;
