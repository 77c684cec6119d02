INSERT INTO attempt (execution, attempt, session, token, claim_seq, claimed_at, timeout_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
