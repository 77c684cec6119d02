INSERT INTO task_payload (task, payload) VALUES (?1, ?2);
