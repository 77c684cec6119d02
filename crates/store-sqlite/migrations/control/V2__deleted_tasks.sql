-- The ids of tasks that are gone: a repeated deletion finds them, and so does a key that outlives
-- its task.

CREATE TABLE deleted_task (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT;
