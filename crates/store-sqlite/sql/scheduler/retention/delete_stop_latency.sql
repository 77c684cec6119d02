DELETE FROM stop_latency
WHERE minute = (SELECT min(minute) FROM stop_latency) AND minute < ?1;
