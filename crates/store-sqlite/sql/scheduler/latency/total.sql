-- The whole table, which has a row for each type, stage and bucket, whatever the time.
SELECT id, namespace, type, stage, bucket, count FROM stop_latency_total ORDER BY id;
