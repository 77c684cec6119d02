INSERT INTO verdict (execution, canceled_at, canceled_by, reason, cause, request_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);
