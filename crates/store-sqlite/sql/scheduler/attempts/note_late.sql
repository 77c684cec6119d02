-- The first report that came too late stands.
UPDATE attempt SET
    late_at = ?3, late_outcome = ?4, late_result_bytes = ?5, late_result = ?6, late_error_code = ?7,
    late_error_message = ?8
WHERE execution = ?1 AND attempt = ?2 AND late_at IS NULL;
