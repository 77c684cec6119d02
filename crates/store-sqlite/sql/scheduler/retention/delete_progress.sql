DELETE FROM last_progress WHERE execution = ?1;
