INSERT INTO verdict (execution, canceled_at, canceled_by, reason) VALUES (?1, ?2, ?3, ?4);
