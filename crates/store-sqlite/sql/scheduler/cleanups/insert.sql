INSERT INTO cleanup (execution, canceled) VALUES (?1, ?2);
