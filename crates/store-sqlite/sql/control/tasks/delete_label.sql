DELETE FROM task_label
WHERE namespace = ?1 AND key = ?2 AND value = ?3 AND task = ?4;
