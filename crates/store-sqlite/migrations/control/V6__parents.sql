-- The task that a task belongs to; written once.
ALTER TABLE task ADD COLUMN parent INTEGER;
CREATE INDEX task_by_parent ON task (namespace, parent, id) WHERE parent IS NOT NULL;

-- Whether a wish to cancel is about what is below the task too.
ALTER TABLE binding ADD COLUMN cancel_cascades INTEGER;
