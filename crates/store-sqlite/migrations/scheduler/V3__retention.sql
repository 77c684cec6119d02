-- Keys whose execution is forgotten, by the instant from which on they may go too. Written when an
-- execution is forgotten: an index by age over all keys would be paid for by every create.
CREATE TABLE forgotten_key (
    forget_at INTEGER NOT NULL,
    namespace INTEGER NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (forget_at, namespace, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX worker_session_ended ON worker_session (ended_at) WHERE ended_at IS NOT NULL;
