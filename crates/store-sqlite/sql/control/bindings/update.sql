UPDATE binding
SET
    plain_sent_at = ?3,
    refused_code = ?4,
    refused_detail = ?5,
    tries = ?6,
    next_try_at = ?7
WHERE task = ?1 AND key = ?2;
