SELECT id, namespace, token, slots, lease_until, ended_at, claim_seq FROM worker_session
WHERE id = ?1;
