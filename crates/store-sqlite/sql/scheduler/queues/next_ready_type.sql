-- Asked again with each answer it names the types of what is ready, and walks none of it.
SELECT min(type) FROM execution WHERE state = 2 AND queue = ?1 AND type > ?2;
