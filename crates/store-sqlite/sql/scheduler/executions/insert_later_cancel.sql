-- Not where it is a call that came before: that is the same request once more.
INSERT INTO cancel_request (execution, number, requested_at, requested_by, reason, request_id)
SELECT
    ?1, 1 + coalesce((SELECT max(c.number) FROM cancel_request AS c WHERE c.execution = ?1), 0),
    ?2, ?3, ?4, ?5
FROM verdict AS v
WHERE v.execution = ?1
    AND NOT coalesce(v.request_id = ?5 AND v.canceled_by = ?3 AND v.reason IS ?4, FALSE)
    AND NOT EXISTS (
        SELECT 1 FROM cancel_request AS c
        WHERE c.execution = ?1 AND c.request_id = ?5 AND c.requested_by = ?3 AND c.reason IS ?4
    );
