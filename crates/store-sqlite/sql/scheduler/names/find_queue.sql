SELECT id FROM queue WHERE namespace = ?1 AND name = ?2;
