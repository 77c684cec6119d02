-- Cancels that came while a task was binding, in their order; they go with its binding.
CREATE TABLE cancel_intent (
    task INTEGER NOT NULL,
    -- 1 is the first.
    number INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    reason TEXT,
    -- Whether it is about what is below the task too.
    cascades INTEGER NOT NULL,
    -- What names the call; NULL where it was kept by a release before this one.
    request_id TEXT,
    -- NULL while it is owed.
    settled_at INTEGER,
    PRIMARY KEY (task, number)
) STRICT, WITHOUT ROWID;

INSERT INTO cancel_intent (
    task, number, requested_at, requested_by, reason, cascades, settled_at
)
SELECT
    task, 1, cancel_requested_at, cancel_requested_by, cancel_reason,
    coalesce(cancel_cascades, 0), cancel_settled_at
FROM binding
WHERE cancel_requested_at IS NOT NULL AND cancel_requested_by IS NOT NULL;

ALTER TABLE binding DROP COLUMN cancel_requested_at;
ALTER TABLE binding DROP COLUMN cancel_requested_by;
ALTER TABLE binding DROP COLUMN cancel_reason;
ALTER TABLE binding DROP COLUMN cancel_settled_at;
ALTER TABLE binding DROP COLUMN cancel_cascades;

-- Until when, by the scheduler's time, what was asked of it may still be decided; NULL: nothing is.
ALTER TABLE cancellation ADD COLUMN asked_until INTEGER;
