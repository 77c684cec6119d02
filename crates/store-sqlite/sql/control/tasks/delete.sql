DELETE FROM task WHERE id = ?1 AND version = ?2;
