-- The first report that came too late stands.
UPDATE attempt SET late_at = ?3, late_outcome = ?4
WHERE execution = ?1 AND attempt = ?2 AND late_at IS NULL;
