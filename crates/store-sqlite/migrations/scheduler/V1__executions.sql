-- Names are kept once; rows carry their numbers.
CREATE TABLE namespace (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE queue (
    id INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (namespace, name)
) STRICT;

CREATE TABLE handler_type (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The next numbers, which are never given twice, and the latest instant of any commit.
CREATE TABLE counter (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    next_execution INTEGER NOT NULL,
    next_session INTEGER NOT NULL,
    next_seq INTEGER NOT NULL,
    clock_ms INTEGER
) STRICT;

INSERT INTO counter (id, next_execution, next_session, next_seq) VALUES (1, 1, 1, 1);

-- The hot row. It changes in place and hardly changes its size: see ADR 0003.
-- state: 2 ready, 3 waiting, 4 blocked, 5 running, 6 succeeded, 7 failed, 8 canceled.
CREATE TABLE execution (
    id INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    -- None for one that was canceled before it was created.
    type INTEGER,
    priority INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 2 AND 8),
    seq INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    attempt_count INTEGER NOT NULL,
    uncounted INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    -- Means something only where attempt_count is not 0; filled from the start for its size.
    started_at INTEGER NOT NULL,
    -- When it came into its state; the verdict's stamp in a final one.
    state_at INTEGER NOT NULL,
    deadline INTEGER
) STRICT;

CREATE INDEX execution_ready ON execution (queue, type, priority DESC, seq) WHERE state = 2;
CREATE INDEX execution_due ON execution (run_at) WHERE state = 3;
CREATE INDEX execution_deadline ON execution (deadline) WHERE deadline IS NOT NULL AND state < 6;
-- Lists by state, newest first.
CREATE INDEX execution_listed ON execution (namespace, state);

-- What an execution was asked to be; written once.
CREATE TABLE spec (
    execution INTEGER PRIMARY KEY,
    accepted_at INTEGER NOT NULL,
    scheduled_for INTEGER NOT NULL,
    backoff_initial_ms INTEGER NOT NULL,
    backoff_max_ms INTEGER NOT NULL,
    backoff_factor REAL NOT NULL,
    attempt_timeout_ms INTEGER,
    cancel_grace_ms INTEGER NOT NULL,
    reference TEXT,
    key TEXT,
    -- Last, so that nothing before it lies on an overflow page.
    payload TEXT
) STRICT;

CREATE TABLE idempotency (
    namespace INTEGER NOT NULL,
    key TEXT NOT NULL,
    -- None until the first create, where a cancel came before it.
    fingerprint BLOB CHECK (length(fingerprint) = 32),
    execution INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;

-- Who canceled, and the error of an execution that no attempt of it had.
CREATE TABLE verdict (
    execution INTEGER PRIMARY KEY,
    canceled_at INTEGER,
    canceled_by TEXT,
    reason TEXT,
    error_code TEXT,
    error_message TEXT
) STRICT;

CREATE TABLE attempt (
    execution INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    session INTEGER NOT NULL,
    token BLOB NOT NULL CHECK (length(token) = 16),
    claim_seq INTEGER NOT NULL,
    claimed_at INTEGER NOT NULL,
    timeout_at INTEGER,
    outcome INTEGER,
    ended_at INTEGER,
    exit_code INTEGER,
    exit_signal INTEGER,
    late_at INTEGER,
    late_outcome INTEGER,
    error_code TEXT,
    error_message TEXT,
    result TEXT,
    PRIMARY KEY (execution, attempt)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_running ON attempt (session, claim_seq) WHERE outcome IS NULL;
CREATE INDEX attempt_timeout ON attempt (timeout_at)
    WHERE timeout_at IS NOT NULL AND outcome IS NULL;

-- What an attempt printed last: apart, because it is large and seldom read.
CREATE TABLE output (
    execution INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    stdout_truncated INTEGER NOT NULL,
    stderr_truncated INTEGER NOT NULL,
    stdout TEXT NOT NULL,
    stderr TEXT NOT NULL,
    PRIMARY KEY (execution, attempt)
) STRICT, WITHOUT ROWID;

-- status: 2 requested, 3 delivered, 4 acknowledged, 5 abandoned, 6 stuck, 7 presumed, 8 stopped.
CREATE TABLE stop (
    execution INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    session INTEGER NOT NULL,
    status INTEGER NOT NULL CHECK (status BETWEEN 2 AND 8),
    cause INTEGER NOT NULL,
    grace_ms INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    delivered_at INTEGER,
    acknowledged_at INTEGER,
    ended_at INTEGER,
    stops_by INTEGER,
    how INTEGER,
    containment INTEGER,
    evidence TEXT,
    PRIMARY KEY (execution, attempt)
) STRICT, WITHOUT ROWID;

-- What is not settled holds a slot of its session.
CREATE INDEX stop_open ON stop (session) WHERE status < 7;
CREATE INDEX stop_overdue ON stop (stops_by) WHERE stops_by IS NOT NULL AND status < 5;

CREATE TABLE worker_session (
    id INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    token BLOB NOT NULL CHECK (length(token) = 16),
    slots INTEGER NOT NULL,
    containment INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    renewed_at INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    ended_at INTEGER,
    -- The last claim that was granted anything.
    claim_seq INTEGER,
    name TEXT NOT NULL,
    -- JSON arrays of the numbers of queues and types.
    queues TEXT NOT NULL,
    types TEXT NOT NULL
) STRICT;

CREATE INDEX worker_session_lease ON worker_session (lease_until) WHERE ended_at IS NULL;
CREATE INDEX worker_session_listed ON worker_session (namespace, ended_at);
