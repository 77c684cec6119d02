-- A type with a cleanup stands there a second time, negative.
SELECT t.name FROM json_each(?1) AS j CROSS JOIN handler_type AS t ON t.id = -j.value
ORDER BY j.key;
