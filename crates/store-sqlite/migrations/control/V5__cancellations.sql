-- Cancels of many: what each is about, and what became of every item.

CREATE TABLE cancellation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    status TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    reason TEXT,
    -- A JSON object; NULL where tasks were named.
    filter TEXT,
    -- Where the search for its items goes on; NULL once they are complete.
    match_below INTEGER,
    -- The scheduler's time before anything of what is undecided was asked of it.
    known_at INTEGER,
    total INTEGER NOT NULL,
    canceled INTEGER NOT NULL,
    already INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    not_bound INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    -- NULL while something is left to do.
    completed_at INTEGER,
    key TEXT,
    fingerprint BLOB
) STRICT;

CREATE INDEX cancellation_by_namespace ON cancellation (namespace, id);
CREATE UNIQUE INDEX cancellation_by_key ON cancellation (namespace, key) WHERE key IS NOT NULL;
CREATE INDEX cancellation_open ON cancellation (id) WHERE completed_at IS NULL;
CREATE INDEX cancellation_age ON cancellation (completed_at) WHERE completed_at IS NOT NULL;

CREATE TABLE cancellation_item (
    cancellation INTEGER NOT NULL,
    task INTEGER NOT NULL,
    -- NULL before it is decided.
    outcome TEXT,
    -- 1: a wish to cancel it while it is being bound was announced.
    intended INTEGER NOT NULL,
    PRIMARY KEY (cancellation, task)
) STRICT, WITHOUT ROWID;

-- What is left to decide, and lists by outcome.
CREATE INDEX cancellation_item_by_outcome ON cancellation_item (cancellation, outcome, task);
