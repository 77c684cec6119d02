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
INNER JOIN task ON task.id = binding.task
WHERE binding.task = ?1;
