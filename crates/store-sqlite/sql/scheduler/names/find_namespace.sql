SELECT id FROM namespace WHERE name = ?1;
