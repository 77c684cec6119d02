SELECT l.type, h.name AS type_name, l.stage, l.bucket, sum(l.count) AS count
FROM stop_latency AS l
CROSS JOIN handler_type AS h ON h.id = l.type
WHERE l.minute >= ?2 AND l.minute < ?3 AND l.namespace = ?1 AND (?4 IS NULL OR h.name = ?4)
GROUP BY l.type, l.stage, l.bucket
ORDER BY h.name, l.stage, l.bucket;
