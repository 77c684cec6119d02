DELETE FROM task_payload WHERE task = ?1;
