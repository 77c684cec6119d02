INSERT INTO stop_latency (namespace, minute, type, stage, bucket, count)
SELECT namespace, ?2, type, ?3, ?4, 1 FROM execution WHERE id = ?1 AND type > 0
ON CONFLICT DO UPDATE SET count = count + 1;
