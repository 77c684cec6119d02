INSERT INTO worker_session (
    id, namespace, token, slots, containment, registered_at, renewed_at, lease_until, name, queues,
    types
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10);
