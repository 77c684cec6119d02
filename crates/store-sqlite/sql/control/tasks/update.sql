UPDATE task
SET
    status = ?3,
    execution = ?4,
    binding_key = ?5,
    bind_error_code = ?6,
    bind_error_detail = ?7,
    version = ?2 + 1,
    updated_at = ?8
WHERE id = ?1 AND version = ?2;
