INSERT INTO execution (
    id, namespace, queue, type, priority, state, seq, attempt, attempt_count, uncounted,
    max_attempts, run_at, started_at, state_at, deadline
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, ?8, ?9, ?9, ?10, ?11);
