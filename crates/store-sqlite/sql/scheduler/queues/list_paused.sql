SELECT id, max_running, paused_at IS NOT NULL AS paused, running + stopping AS held FROM queue
WHERE paused_at > -9223372036854775808;
