INSERT INTO task (
    namespace, kind, title, labels, status, binding_key, version, created_at, updated_at,
    cloned_from, parent
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10);
