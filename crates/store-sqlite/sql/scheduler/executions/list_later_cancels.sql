SELECT execution, requested_at, requested_by, reason
FROM cancel_request
WHERE execution = ?1
ORDER BY number;
