UPDATE cancel_intent SET settled_at = ?3
WHERE task = ?1 AND number = ?2 AND settled_at IS NULL;
