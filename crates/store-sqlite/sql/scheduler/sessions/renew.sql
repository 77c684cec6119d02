UPDATE worker_session
SET renewed_at = max(renewed_at, ?2), lease_until = max(lease_until, ?3), claim_seq = ?4
WHERE id = ?1 AND ended_at IS NULL;
