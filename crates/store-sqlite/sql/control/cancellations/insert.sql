INSERT INTO cancellation (
    namespace, status, requested_at, requested_by, reason, filter, match_below, total, key,
    fingerprint, max_per_second, canceled, already, changed, not_bound, refused, missing
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, 0, 0, 0, 0, 0);
