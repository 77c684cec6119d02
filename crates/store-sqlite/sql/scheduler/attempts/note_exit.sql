UPDATE attempt SET exit_code = ?3, exit_signal = ?4
WHERE execution = ?1 AND attempt = ?2 AND exit_code IS NULL AND exit_signal IS NULL;
