DELETE FROM forgotten_key WHERE forget_at = ?1 AND namespace = ?2 AND key = ?3;
