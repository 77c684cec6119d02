INSERT INTO deleted_task (id, namespace, deleted_at) VALUES (?1, ?2, ?3);
