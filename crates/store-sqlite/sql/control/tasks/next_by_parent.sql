SELECT id FROM task
WHERE namespace = ?1 AND parent = ?3 AND id <= ?2
ORDER BY id DESC
LIMIT 1;
