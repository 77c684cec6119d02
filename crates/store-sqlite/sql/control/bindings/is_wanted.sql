SELECT cancel_requested_at IS NULL OR cancel_settled_at IS NOT NULL
FROM binding
WHERE task = ?1 AND key = ?2;
