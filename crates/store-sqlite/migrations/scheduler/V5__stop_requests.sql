-- The call that was the verdict: a repeat of it is no other request.
ALTER TABLE verdict ADD COLUMN request_id TEXT;

-- Who asked for a cancel after it was decided. The latest are kept; the number of the last one says
-- how many there were.
CREATE TABLE cancel_request (
    execution INTEGER NOT NULL,
    number INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    reason TEXT,
    request_id TEXT,
    PRIMARY KEY (execution, number)
) STRICT, WITHOUT ROWID;

-- Who took a stop on that failed: from then on it holds nothing.
ALTER TABLE stop ADD COLUMN released_at INTEGER;
ALTER TABLE stop ADD COLUMN released_by TEXT;
ALTER TABLE stop ADD COLUMN release_reason TEXT;

-- When a worker that asked was told that its attempt may begin.
ALTER TABLE attempt ADD COLUMN confirmed_at INTEGER;

-- What a report brought that came too late: evidence, never the outcome.
ALTER TABLE attempt ADD COLUMN late_result_bytes INTEGER;
ALTER TABLE attempt ADD COLUMN late_result TEXT;
ALTER TABLE attempt ADD COLUMN late_error_code TEXT;
ALTER TABLE attempt ADD COLUMN late_error_message TEXT;
