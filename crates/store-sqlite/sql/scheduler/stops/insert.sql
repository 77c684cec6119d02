INSERT INTO stop (
    execution, attempt, session, status, cause, grace_ms, requested_at, stops_by
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);
