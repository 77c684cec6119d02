UPDATE worker_session SET claim_seq = ?2 WHERE id = ?1;
