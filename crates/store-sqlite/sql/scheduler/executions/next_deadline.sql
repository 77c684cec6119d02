SELECT deadline FROM execution
WHERE deadline IS NOT NULL AND state < 6
ORDER BY deadline LIMIT 1;
