UPDATE cancellation
SET
    status = ?2,
    match_below = ?3,
    known_at = ?4,
    total = ?5,
    canceled = ?6,
    already = ?7,
    changed = ?8,
    not_bound = ?9,
    refused = ?10,
    missing = ?11,
    completed_at = ?12,
    asked_until = ?13,
    portion_decided = ?14,
    due_at = ?15
WHERE id = ?1;
