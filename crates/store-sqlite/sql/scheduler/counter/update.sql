UPDATE counter SET next_execution = ?1, next_session = ?2, next_seq = ?3, clock_ms = ?4 WHERE id = 1;
