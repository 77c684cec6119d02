SELECT
    w.id, w.name, w.queues, w.types, w.slots, w.containment, w.registered_at, w.renewed_at,
    w.lease_until, w.ended_at, n.name AS namespace
FROM worker_session AS w
CROSS JOIN namespace AS n ON n.id = w.namespace
WHERE w.id = ?1;
