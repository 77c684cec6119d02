-- Unless another worker that lives cleans up.
DELETE FROM cleanup_type
WHERE namespace = ?1 AND type = ?2 AND NOT EXISTS (
    SELECT 1 FROM worker_session AS w
    CROSS JOIN json_each(w.types) AS j
    WHERE w.namespace = ?1 AND w.ended_at IS NULL AND j.value = -?2
);
