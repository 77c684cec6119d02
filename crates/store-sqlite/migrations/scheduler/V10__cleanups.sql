-- Types for whose canceled executions a worker cleans up, with the terms of the one that said so last.
CREATE TABLE cleanup_type (
    namespace INTEGER NOT NULL,
    type INTEGER NOT NULL,
    timeout_ms INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    PRIMARY KEY (namespace, type)
) STRICT, WITHOUT ROWID;

-- Which execution cleans up after which, one for each; written with the verdict of that one. Its type is
-- that of the other, negative: so only workers that clean up seek it, and nobody else walks it.
CREATE TABLE cleanup (
    execution INTEGER PRIMARY KEY,
    canceled INTEGER NOT NULL UNIQUE
) STRICT;

-- The last word of an attempt, kept where a cleanup may be told it.
CREATE TABLE last_progress (
    execution INTEGER PRIMARY KEY,
    attempt INTEGER NOT NULL,
    said_at INTEGER NOT NULL,
    percent INTEGER,
    message TEXT
) STRICT;
