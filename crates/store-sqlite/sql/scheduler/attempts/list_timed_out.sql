SELECT execution, attempt FROM attempt
WHERE timeout_at IS NOT NULL AND outcome IS NULL AND timeout_at <= ?1
ORDER BY timeout_at LIMIT ?2;
