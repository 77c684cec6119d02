SELECT id, max_running, paused_at IS NOT NULL AS paused, running + stopping AS held FROM queue
WHERE max_running > 0;
