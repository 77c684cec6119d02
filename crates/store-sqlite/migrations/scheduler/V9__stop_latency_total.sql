-- How long stops took since ever, for those who scrape: what was counted by the minute is forgotten
-- with history, and these rows stay. Ids rise in the order in which rows are first counted.
CREATE TABLE stop_latency_total (
    id INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    type INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    UNIQUE (namespace, type, stage, bucket)
) STRICT;

INSERT INTO stop_latency_total (namespace, type, stage, bucket, count)
SELECT namespace, type, stage, bucket, sum(count) FROM stop_latency
GROUP BY namespace, type, stage, bucket;
