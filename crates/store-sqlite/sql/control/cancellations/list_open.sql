SELECT
    id, namespace, status, requested_at, requested_by, reason, filter, match_below, known_at, total,
    max_per_second, portion_decided, due_at,
    canceled, already, changed, not_bound, refused, missing, completed_at,
    asked_until
FROM cancellation
-- A time that is named has the index be searched and not walked.
WHERE completed_at IS NULL AND due_at >= 0
ORDER BY due_at, id
LIMIT ?1;
