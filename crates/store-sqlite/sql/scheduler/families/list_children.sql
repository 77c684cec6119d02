SELECT execution, children FROM family WHERE parent = ?1 AND execution > ?2
ORDER BY execution LIMIT ?3;
