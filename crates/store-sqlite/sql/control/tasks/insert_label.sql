INSERT INTO task_label (namespace, key, value, task) VALUES (?1, ?2, ?3, ?4);
