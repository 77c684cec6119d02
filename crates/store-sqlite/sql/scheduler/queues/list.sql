SELECT
    id, name, max_running, paused_at, paused_by, pause_reason,
    changed, changed_at, changed_by, change_reason,
    ready, scheduled, backing_off, blocked, running, stopping
FROM queue
WHERE namespace = ?1 AND name > ?2
ORDER BY name LIMIT ?3;
