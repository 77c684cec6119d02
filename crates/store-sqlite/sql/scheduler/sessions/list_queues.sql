SELECT q.name FROM json_each(?1) AS j CROSS JOIN queue AS q ON q.id = j.value ORDER BY j.key;
