SELECT execution, closed_by, reason, decided_to FROM closed_tree WHERE decided_to >= 0
ORDER BY decided_to LIMIT 1;
