SELECT a.execution, a.token, e.payload
FROM attempt AS a
CROSS JOIN execution AS e ON e.id = a.execution
WHERE a.execution > ?1 ORDER BY a.execution LIMIT ?2;
