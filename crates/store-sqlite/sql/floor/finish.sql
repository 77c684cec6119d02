UPDATE attempt SET outcome = 6, ended_at = ?3, result = ?4
WHERE execution > ?1 AND execution <= ?2 AND outcome IS NULL;
