SELECT task FROM task_label
WHERE namespace = ?1 AND key = ?3 AND value = ?4 AND task <= ?2
ORDER BY task DESC
LIMIT 1;
