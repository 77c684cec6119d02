-- Whose stop a report names.
SELECT e.namespace, a.token
FROM stop AS p
CROSS JOIN attempt AS a ON a.execution = p.execution AND a.attempt = p.attempt
CROSS JOIN execution AS e ON e.id = p.execution
WHERE p.execution = ?1 AND p.attempt = ?2;
