DELETE FROM spec WHERE execution = ?1;
