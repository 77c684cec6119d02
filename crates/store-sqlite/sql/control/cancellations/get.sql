SELECT
    id, namespace, status, requested_at, requested_by, reason, filter, match_below, known_at, total,
    max_per_second, portion_decided, due_at,
    canceled, already, changed, not_bound, refused, missing, completed_at,
    asked_until
FROM cancellation
WHERE id = ?1;
