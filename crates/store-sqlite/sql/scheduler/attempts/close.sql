UPDATE attempt SET
    outcome = ?3, ended_at = max(?4, claimed_at), exit_code = ?5, exit_signal = ?6, error_code = ?7,
    error_message = ?8, result = ?9
WHERE execution = ?1 AND attempt = ?2 AND outcome IS NULL;
