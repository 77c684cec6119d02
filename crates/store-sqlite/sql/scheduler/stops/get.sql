SELECT
    execution, session, status, grace_ms, requested_at, delivered_at, acknowledged_at, ended_at,
    stops_by, how, containment, released_at, evidence
FROM stop
WHERE execution = ?1 AND attempt = ?2;
