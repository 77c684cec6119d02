SELECT task, number, requested_at, requested_by, reason, cascades, request_id, settled_at
FROM cancel_intent
WHERE task = ?1
ORDER BY number;
