SELECT
    task.id,
    task.namespace,
    task.kind,
    task.title,
    task.labels,
    task_payload.payload,
    task.status,
    task.execution,
    task.binding_key,
    task.bind_error_code,
    task.bind_error_detail,
    task.cloned_from,
    task.parent,
    task.version,
    task.created_at,
    task.updated_at
FROM task
-- A task without a payload is corrupt, and not missing.
LEFT JOIN task_payload ON task_payload.task = task.id
WHERE task.id = ?1;
