SELECT forget_at, namespace, key FROM forgotten_key WHERE forget_at <= ?1 ORDER BY forget_at LIMIT ?2;
