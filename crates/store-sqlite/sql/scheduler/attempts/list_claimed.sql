-- What a claim was granted and still runs, in the order in which it was granted.
SELECT a.execution, a.token
FROM attempt AS a
CROSS JOIN execution AS e ON e.id = a.execution
WHERE a.session = ?1 AND a.claim_seq = ?2 AND a.outcome IS NULL
ORDER BY e.priority DESC, e.seq;
