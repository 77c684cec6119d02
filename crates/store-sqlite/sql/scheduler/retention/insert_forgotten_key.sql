INSERT INTO forgotten_key (forget_at, namespace, key) VALUES (?1, ?2, ?3);
