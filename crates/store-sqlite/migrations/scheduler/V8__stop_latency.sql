-- How long stops took: values counted by bucket, minute and type. Minutes since 1970.
-- stage: 2 delivered, 3 signaled, 4 stopped, each from the decision on.
CREATE TABLE stop_latency (
    minute INTEGER NOT NULL,
    namespace INTEGER NOT NULL,
    type INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (minute, namespace, type, stage, bucket)
) STRICT, WITHOUT ROWID;
