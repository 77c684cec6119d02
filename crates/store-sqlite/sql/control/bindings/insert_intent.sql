INSERT INTO cancel_intent (
    task, number, requested_at, requested_by, reason, cascades, request_id
) VALUES (
    ?1, 1 + coalesce((SELECT max(i.number) FROM cancel_intent AS i WHERE i.task = ?1), 0),
    ?2, ?3, ?4, ?5, ?6
)
RETURNING number;
