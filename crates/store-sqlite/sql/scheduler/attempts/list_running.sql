SELECT execution, attempt, claim_seq FROM attempt
WHERE session = ?1 AND outcome IS NULL
ORDER BY claim_seq, execution LIMIT ?2;
