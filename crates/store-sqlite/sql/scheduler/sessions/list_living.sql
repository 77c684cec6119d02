SELECT
    id, name, queues, types, slots, containment, registered_at, renewed_at, lease_until, ended_at
FROM worker_session
WHERE namespace = ?1 AND ended_at IS NULL
ORDER BY id DESC LIMIT ?2;
