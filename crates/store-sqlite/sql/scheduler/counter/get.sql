SELECT id, next_execution, next_session, next_seq, clock_ms FROM counter WHERE id = 1;
