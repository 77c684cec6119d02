-- Where a store that failed proves that it can write again.
CREATE TABLE IF NOT EXISTS storage_probe (
    id INTEGER PRIMARY KEY,
    filling BLOB NOT NULL
) STRICT;
