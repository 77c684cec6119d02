UPDATE queue SET
    max_running = ?2, paused_at = ?3, paused_by = ?4, pause_reason = ?5,
    changed = ?6, changed_at = ?7, changed_by = ?8, change_reason = ?9
WHERE id = ?1;
