UPDATE queue SET max_running = ?2, paused_at = ?3, paused_by = ?4, pause_reason = ?5
WHERE id = ?1;
