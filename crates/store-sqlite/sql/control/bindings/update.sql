UPDATE binding
SET
    plain_sent_at = ?3,
    refused_code = ?4,
    refused_detail = ?5,
    cancel_requested_at = ?6,
    cancel_requested_by = ?7,
    cancel_reason = ?8,
    cancel_settled_at = ?9,
    tries = ?10,
    next_try_at = ?11,
    cancel_cascades = ?12
WHERE task = ?1 AND key = ?2;
