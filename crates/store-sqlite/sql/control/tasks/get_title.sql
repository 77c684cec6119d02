SELECT title FROM task WHERE id = ?1;
