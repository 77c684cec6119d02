SELECT id FROM execution WHERE state = 3 AND run_at <= ?1 ORDER BY run_at LIMIT ?2;
