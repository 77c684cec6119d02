-- What came out of a decision, where it still stands as it did then.
UPDATE execution SET
    state = ?4, seq = coalesce(?5, seq), attempt = ?6, attempt_count = ?7, uncounted = ?8,
    run_at = ?9, started_at = coalesce(?10, started_at), state_at = ?11
WHERE id = ?1 AND state = ?2 AND attempt = ?3;
