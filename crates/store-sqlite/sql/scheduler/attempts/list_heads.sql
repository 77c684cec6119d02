-- One text whatever a worker names: it seeks each pair of queue and type in the ready index and
-- leaves it at the first row that cannot be among the first ?1.
SELECT id, queue, type, priority, seq FROM execution
WHERE state = 2
    AND queue IN (SELECT value FROM json_each(?2))
    AND type IN (SELECT value FROM json_each(?3))
ORDER BY priority DESC, seq LIMIT ?1;
