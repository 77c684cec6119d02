SELECT
    id, name, queues, types, slots, containment, registered_at, renewed_at, lease_until, ended_at
FROM worker_session
WHERE namespace = ?1 AND ended_at IS NOT NULL
ORDER BY ended_at DESC, id DESC LIMIT ?2;
