SELECT timeout_at FROM attempt
WHERE timeout_at IS NOT NULL AND outcome IS NULL
ORDER BY timeout_at LIMIT 1;
