-- What says nothing new writes nothing.
INSERT INTO last_progress (execution, attempt, said_at, percent, message)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT DO UPDATE SET
    attempt = excluded.attempt, said_at = excluded.said_at, percent = excluded.percent,
    message = excluded.message
WHERE (attempt, percent, message) IS NOT (excluded.attempt, excluded.percent, excluded.message);
