SELECT
    task.id,
    task.execution
FROM json_each(?2) AS j
CROSS JOIN task ON task.namespace = ?1 AND task.execution = j.value;
