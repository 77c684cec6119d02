-- What an operator allows a queue.
ALTER TABLE queue ADD COLUMN max_running INTEGER CHECK (max_running > 0);
ALTER TABLE queue ADD COLUMN paused_at INTEGER;
ALTER TABLE queue ADD COLUMN paused_by TEXT;
ALTER TABLE queue ADD COLUMN pause_reason TEXT;

-- How many executions stand where; each commit adds its own difference.
ALTER TABLE queue ADD COLUMN ready INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN backing_off INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN running INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN stopping INTEGER NOT NULL DEFAULT 0;

UPDATE queue SET
    ready = c.ready, scheduled = c.scheduled, backing_off = c.backing_off, blocked = c.blocked,
    running = c.running
FROM (
    SELECT
        queue AS id, sum(state = 2) AS ready,
        sum(state = 3 AND attempt_count = 0) AS scheduled,
        sum(state = 3 AND attempt_count > 0) AS backing_off, sum(state = 4) AS blocked,
        sum(state = 5) AS running
    FROM execution WHERE state < 6 GROUP BY queue
) AS c
WHERE c.id = queue.id;

UPDATE queue SET stopping = c.stopping
FROM (
    SELECT e.queue AS id, count(*) AS stopping
    FROM stop AS p
    CROSS JOIN execution AS e ON e.id = p.execution
    WHERE p.status < 7 GROUP BY e.queue
) AS c
WHERE c.id = queue.id;

-- The few that the writer keeps in mind.
CREATE INDEX queue_limited ON queue (max_running) WHERE max_running IS NOT NULL;
CREATE INDEX queue_paused ON queue (paused_at) WHERE paused_at IS NOT NULL;
