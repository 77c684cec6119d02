INSERT INTO handler_type (name) VALUES (?1);
