SELECT id FROM task WHERE namespace = ?1 AND parent = ?2 LIMIT 1;
