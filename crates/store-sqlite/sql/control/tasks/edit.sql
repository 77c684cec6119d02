UPDATE task
SET
    title = ?3,
    labels = ?4,
    version = ?2 + 1,
    updated_at = ?5
WHERE id = ?1 AND version = ?2;
