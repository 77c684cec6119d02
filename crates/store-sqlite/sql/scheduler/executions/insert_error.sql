INSERT INTO verdict (execution, error_code, error_message) VALUES (?1, ?2, ?3);
