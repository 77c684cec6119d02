SELECT id FROM execution
WHERE deadline IS NOT NULL AND state < 6 AND deadline <= ?1
ORDER BY deadline LIMIT ?2;
