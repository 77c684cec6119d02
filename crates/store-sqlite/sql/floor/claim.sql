INSERT INTO attempt (execution, attempt, session, token, claim_seq, claimed_at)
SELECT execution, 1, 1, randomblob(16), ?1, ?2 FROM ready
WHERE queue = 1 AND type = 1 ORDER BY priority DESC, execution LIMIT ?3;
