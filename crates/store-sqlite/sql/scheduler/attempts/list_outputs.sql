SELECT execution, attempt, stdout_truncated, stderr_truncated, stdout, stderr FROM output
WHERE execution = ?1
ORDER BY attempt DESC
LIMIT ?2;
