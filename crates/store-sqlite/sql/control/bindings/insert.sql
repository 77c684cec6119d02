INSERT INTO binding (
    task, namespace, key, principal, begun_at, tries, next_try_at, extended, plain
) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8);
