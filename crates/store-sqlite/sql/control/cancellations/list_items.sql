SELECT task, outcome FROM cancellation_item
WHERE cancellation = ?1 AND task > ?2
ORDER BY task
LIMIT ?3;
