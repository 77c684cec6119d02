UPDATE stop SET
    status = ?4, delivered_at = ?5, acknowledged_at = ?6, ended_at = ?7, stops_by = ?8, how = ?9,
    containment = ?10, evidence = ?11
WHERE execution = ?1 AND attempt = ?2 AND status = ?3;
