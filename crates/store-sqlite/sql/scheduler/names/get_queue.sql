SELECT id, namespace, name FROM queue WHERE id = ?1;
