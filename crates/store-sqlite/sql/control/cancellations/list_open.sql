SELECT
    id, namespace, status, requested_at, requested_by, reason, filter, match_below, known_at, total,
    canceled, already, changed, not_bound, refused, missing, completed_at,
    asked_until
FROM cancellation
-- An id that is named has the index be searched and not walked.
WHERE completed_at IS NULL AND id > 0
ORDER BY id
LIMIT ?1;
