-- Narrow rows that change; what is written once stands in tables of its own.

CREATE TABLE task (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT,
    -- A JSON object; NULL is an empty one.
    labels TEXT,
    status TEXT NOT NULL,
    execution INTEGER,
    -- The key in force, or the last one that was: kept for ever.
    binding_key TEXT,
    bind_error_code TEXT,
    bind_error_detail TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Each list walks one of these from its newest end; two conditions meet by skipping.
CREATE INDEX task_by_namespace ON task (namespace, id);
CREATE INDEX task_by_status ON task (namespace, status, id);
CREATE INDEX task_by_kind ON task (namespace, kind, id);

-- Names the tasks of a page of executions.
CREATE INDEX task_by_execution ON task (namespace, execution) WHERE execution IS NOT NULL;

CREATE TABLE task_payload (
    task INTEGER PRIMARY KEY,
    payload TEXT NOT NULL
) STRICT;

CREATE TABLE task_label (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    task INTEGER NOT NULL,
    PRIMARY KEY (namespace, key, value, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    task INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;

-- Bindings that are not finished, and finished ones whose cancel is not settled.
CREATE TABLE binding (
    task INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    principal TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    plain_sent_at INTEGER,
    refused_code TEXT,
    refused_detail TEXT,
    cancel_requested_at INTEGER,
    cancel_requested_by TEXT,
    cancel_reason TEXT,
    cancel_settled_at INTEGER,
    tries INTEGER NOT NULL,
    -- NULL: only an operator can go on.
    next_try_at INTEGER,
    -- The exact bytes that are sent, and no others.
    extended TEXT NOT NULL,
    plain TEXT NOT NULL
) STRICT;

CREATE INDEX binding_due ON binding (next_try_at, task) WHERE next_try_at IS NOT NULL;
