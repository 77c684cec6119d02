-- The body of what was canceled before it was created.
UPDATE execution SET
    queue = ?2, type = ?3, priority = ?4, max_attempts = ?5, run_at = coalesce(?6, run_at), deadline = ?7
WHERE id = ?1 AND state = 8 AND type IS NULL;
