SELECT i.task, i.intended, t.status, t.execution, t.binding_key
FROM cancellation_item AS i
LEFT JOIN task AS t ON t.id = i.task AND t.namespace = ?2
WHERE i.cancellation = ?1 AND i.outcome IS NULL
ORDER BY i.task
LIMIT ?3;
