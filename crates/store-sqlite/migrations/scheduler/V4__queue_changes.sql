-- Who changed a queue last: what (2 limit, 3 pause, 4 resume), when, and why.
ALTER TABLE queue ADD COLUMN changed INTEGER CHECK (changed BETWEEN 2 AND 4);
ALTER TABLE queue ADD COLUMN changed_at INTEGER;
ALTER TABLE queue ADD COLUMN changed_by TEXT;
ALTER TABLE queue ADD COLUMN change_reason TEXT;
