UPDATE stop SET released_at = ?3, released_by = ?4, release_reason = ?5
WHERE execution = ?1 AND attempt = ?2 AND released_at IS NULL;
