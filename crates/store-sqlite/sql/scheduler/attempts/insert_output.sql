INSERT INTO output (execution, attempt, stdout_truncated, stderr_truncated, stdout, stderr)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (execution, attempt) DO NOTHING;
