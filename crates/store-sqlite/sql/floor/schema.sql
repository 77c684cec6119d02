-- What an execution was asked to be, written once. There is no state: it has ended where its attempt has.
CREATE TABLE execution (
    id INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    type INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    scheduled_for INTEGER NOT NULL,
    backoff_initial_ms INTEGER NOT NULL,
    backoff_max_ms INTEGER NOT NULL,
    backoff_factor REAL NOT NULL,
    cancel_grace_ms INTEGER NOT NULL,
    payload TEXT NOT NULL
) STRICT;

CREATE TABLE idempotency (
    namespace INTEGER NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    execution INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;

-- Where it stands in its queue, until it is claimed.
CREATE TABLE ready (
    queue INTEGER NOT NULL,
    type INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    PRIMARY KEY (queue, type, priority DESC, execution)
) STRICT, WITHOUT ROWID;

-- The first attempt of each execution, under the execution's number.
CREATE TABLE attempt (
    execution INTEGER PRIMARY KEY,
    attempt INTEGER NOT NULL,
    session INTEGER NOT NULL,
    token BLOB NOT NULL,
    claim_seq INTEGER NOT NULL,
    claimed_at INTEGER NOT NULL,
    outcome INTEGER,
    ended_at INTEGER,
    result TEXT
) STRICT;
