UPDATE attempt SET confirmed_at = ?3
WHERE execution = ?1 AND attempt = ?2 AND confirmed_at IS NULL AND outcome IS NULL;
