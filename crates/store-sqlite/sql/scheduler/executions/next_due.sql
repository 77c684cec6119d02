SELECT run_at FROM execution WHERE state = 3 ORDER BY run_at LIMIT 1;
