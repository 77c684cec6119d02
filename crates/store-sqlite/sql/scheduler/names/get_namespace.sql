SELECT name FROM namespace WHERE id = ?1;
