SELECT
    binding.task,
    binding.namespace,
    binding.key,
    binding.principal,
    binding.extended,
    binding.plain,
    binding.begun_at,
    binding.plain_sent_at,
    binding.refused_code,
    binding.refused_detail,
    binding.tries,
    binding.next_try_at,
    task.execution,
    task.parent
FROM binding
-- The order of the index: the longest due is seen first, and no other row.
CROSS JOIN task ON task.id = binding.task
WHERE binding.next_try_at <= ?1
ORDER BY binding.next_try_at, binding.task
LIMIT ?2;
