-- Cancels of many that are decided at a bounded rate.

-- Items that are decided per second at most; NULL: as fast as it goes.
ALTER TABLE cancellation ADD COLUMN max_per_second INTEGER;
-- Items that were decided of the portion that is under way, and when it may begin or did.
ALTER TABLE cancellation ADD COLUMN portion_decided INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cancellation ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;

-- One that is not due must not take the place of one that is.
DROP INDEX cancellation_open;
CREATE INDEX cancellation_open ON cancellation (due_at, id) WHERE completed_at IS NULL;
