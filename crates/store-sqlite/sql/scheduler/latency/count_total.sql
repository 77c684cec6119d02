INSERT INTO stop_latency_total (namespace, type, stage, bucket, count)
SELECT namespace, type, ?2, ?3, 1 FROM execution WHERE id = ?1 AND type > 0
ON CONFLICT DO UPDATE SET count = count + 1;
