INSERT INTO queue (namespace, name) VALUES (?1, ?2);
