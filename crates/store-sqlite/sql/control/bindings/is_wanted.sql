SELECT NOT EXISTS (
    SELECT 1 FROM cancel_intent AS i WHERE i.task = binding.task AND i.settled_at IS NULL
)
FROM binding
WHERE binding.task = ?1 AND binding.key = ?2;
